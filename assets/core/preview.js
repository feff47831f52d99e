// Which files a page can show. Pictures, films and sounds are sent inline by the server; texts and PDFs are read by the page.

const MEDIA = /^(image|audio|video)\//;
const TEXT = /^text\/|^application\/(json|ndjson|x-ndjson|xml|javascript|toml|yaml|x-yaml|x-sh)/;

/** @param {{contentType: string}} file @returns {"image" | "audio" | "video" | "markdown" | "pdf" | "text" | null} */
export function previewKind({ contentType = "" }) {
  if (contentType.startsWith("application/pdf")) return "pdf";
  if (contentType.startsWith("text/markdown")) return "markdown";
  if (contentType.startsWith("image/svg") || TEXT.test(contentType)) return "text";
  return MEDIA.test(contentType) ? contentType.slice(0, 5) : null;
}

/** @param {{contentType: string, isEncrypted?: boolean}} file */
export const canPreview = (file) => !file.isEncrypted && previewKind(file) !== null;
