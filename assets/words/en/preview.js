// Looking at a file, here and behind a link.

export default {
  previous: "Previous",
  next: "Next",
  download: "Download",
  place: "{at} of {all}",
  cannot: "This file cannot be shown here. Download it to open it.",
};
