// What settings, administration and usage say alike.

export default {
  noDay: "This is no day.",
  done: "Done",
  save: "Save",
  next: "Next",
  show: "Show",
  hide: "Hide",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Select it and copy it",
  more: "Show more",
  actions: "Actions",
  failed: "This could not be loaded",
  it: "This {rest}",
};
