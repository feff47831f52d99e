// Copies a text, also on plain http, where browsers know only the old way.

/** @param {string} text @param {HTMLInputElement} [field] that shows it @returns {Promise<boolean>} */
export async function copyText(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field?.select();
    return field !== undefined && document.execCommand("copy");
  }
}
