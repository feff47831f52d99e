// Names for what has no number yet.

/** Like no other, on any device. @param {string} what */
export const newKey = (what) => `${what}-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
