// Copying to the clipboard.

/** Pages without HTTPS have no clipboard: then the field is selected, to be copied by hand. */
export async function toClipboard(text: string, field: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const shown = document.querySelector<HTMLInputElement | HTMLTextAreaElement>(field);
    shown?.focus();
    shown?.select();
    return false;
  }
}

export const byHand = "Press Ctrl+C or ⌘C to copy what is selected.";
