// A dialog that asks for any task the server can make. What it asks comes from the server's schema.

import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { h } from "./dom.js";
import { field, select } from "./form.js";

/** @param {(action: string, detail?: object) => Promise<any>} act does "ask-operations" and "create-task" {type, name?, parameters} */
export async function askTask(act) {
  const operations = (await act("ask-operations")).filter(({ creatable }) => creatable);
  const type = select(operations.map((one) => [one.type, said(one.title)]));
  const form = h("schema-form");
  const update = () => (form.schema = operations.find((one) => one.type === type.value).parameters);
  type.addEventListener("change", update);
  update();
  const name = h("input", { maxlength: 200, autocomplete: "off" });
  return ask({
    title: t("tasks.new"),
    body: [field({ label: t("tasks.type"), control: type }), form, field({ label: [`${t("tasks.name")} `, h("small", {}, t("tasks.optional"))], control: name })],
    verb: t("tasks.start"),
    submit: async () => form.check() && act("create-task", { type: type.value, name: name.value.trim() || undefined, parameters: form.value }),
  });
}
