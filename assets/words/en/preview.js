// Looking at one file.

export default {
  previous: "Previous",
  next: "Next",
  download: "Download",
  place: "{at} of {all}",
  sorry: "This file cannot be shown here.",
};
