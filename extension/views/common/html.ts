/** Text as it may stand in HTML, between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => named[character]!)
}

/** What a page is made of: addresses as the webview reaches them. */
export interface PageParts {
  readonly title: string
  readonly script: string
  readonly styles: readonly string[]
  /** Source of scripts and styles for the content security policy (`webview.cspSource`). */
  readonly source: string
  /** Random and new for every page: only the script that carries it runs. */
  readonly nonce: string
}

/**
 * The empty page of a view. Nothing may be loaded but the view's own script and style sheets; there is no inline style,
 * no image and no connection, so what a guest prints can do nothing but be read.
 */
export function pageHtml({ title, script, styles, source, nonce }: PageParts): string {
  const policy = `default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'`
  return [
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    ...styles.map((style) => `<link rel="stylesheet" href="${escapeHtml(style)}">`),
    '</head>',
    '<body>',
    `<script nonce="${escapeHtml(nonce)}" src="${escapeHtml(script)}"></script>`,
    '</body>',
    '</html>',
  ].join('\n')
}

/** 128 random bits in hex. */
export function makeNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
