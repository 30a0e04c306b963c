/** Files that go with a prompt, as a request holds them. Large pictures are made smaller: all of them together have about a megabyte. */
import { claudeOptions, type FileValue } from '@cc-executor/claude-options';

export type Attachment = FileValue & { name: string };

const { max, maxLength, mediaTypes } = claudeOptions.attachments.value;
const TYPES: readonly string[] = Object.values(mediaTypes);

/** What a browser lets one choose. */
export const ACCEPTED = [...new Set(TYPES)].join(',');

/** Above it (bytes) a picture is drawn anew, no wider or higher than what Claude sees of one (pixels). */
const LARGE = 200_000;
const EDGE = 1_568;

/** Adds what fits; the faults tell of the rest, in words. */
export async function addFiles(
  before: readonly Attachment[],
  files: Iterable<File>,
): Promise<{ attachments: Attachment[]; faults: string[] }> {
  const attachments = [...before];
  const faults: string[] = [];
  for (const file of files) {
    const fault = await add(file).catch(() => 'cannot be read');
    if (fault !== undefined) faults.push(`${file.name}: ${fault}.`);
  }
  return { attachments, faults };

  async function add(file: File): Promise<string | undefined> {
    if (!TYPES.includes(file.type))
      return 'is neither a picture that Claude knows, nor a PDF, nor plain text';
    if (attachments.length >= max) return `a prompt has ${max} files at most`;
    const blob = await makeSmaller(file);
    const data = await readBase64(blob);
    const taken = attachments.reduce((sum, attachment) => sum + attachment.data.length, 0);
    if (taken + data.length > maxLength) return 'is too large beside the others';
    attachments.push({ name: file.name, mediaType: blob.type as FileValue['mediaType'], data });
    return undefined;
  }
}

async function makeSmaller(file: File): Promise<Blob> {
  if (file.size <= LARGE || !/^image\/(png|jpeg|webp)$/.test(file.type)) return file;
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, EDGE / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext('2d');
  if (!context) return file;
  // A JPEG has no transparency.
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const smaller = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85));
  return smaller && smaller.size < file.size ? smaller : file;
}

function readBase64(blob: Blob): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const reader = new FileReader();
  reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
  return promise;
}
