// Looking at a file, here and behind a link.

export default {
  previous: "Previous",
  next: "Next",
  download: "Download",
  place: "{at} of {all}",
  cannot: "This file cannot be shown here. Download it to open it.",
  gone: "This file is no longer there. It was deleted or moved meanwhile.",
  noViewer: "This browser cannot show PDFs in a page. Download it to open it with another app.",
  tooLarge: "PDFs above {most} are not shown here. Download it to open it.",
  source: "Source",
  done: "Done",
  toDo: "To do",
  beginning: "the first {size} are shown",
};
