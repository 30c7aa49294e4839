// What is asked of the service.

const PAUSE_MS = 90; // between two questions; ten a second are enough for the eye
const AGAIN_MS = 2000; // when the service is busy

// Work on wishes one at a time. Of those that come meanwhile only the latest counts. Work that
// was told to wait gives for how long; then it is tried again, unless something newer came.
export function latestOf(work) {
  let wish = null;
  let busy = false;
  return async (newest) => {
    wish = newest;
    if (busy) return;
    busy = true;
    while (wish) {
      const next = wish;
      wish = null;
      const waitMs = await work(next, () => wish === null);
      if (waitMs) wish ??= next;
      await new Promise((done) => setTimeout(done, waitMs || PAUSE_MS));
    }
    busy = false;
  };
}

export class Refusal extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

// More was asked than this visitor may: again in so many seconds.
export class TooMuch extends Refusal {
  constructor(code, detail, waitS) {
    super(code, detail);
    this.waitS = waitS;
  }
}

// Send a picture; the answer as the service gives it. Throws Refusal.
export async function read(address, picture, explain) {
  const form = new FormData();
  form.append("image", picture, picture.name || "drawing.png");
  return send(`${address}${explain ? "?explain=1" : ""}`, { body: form });
}

export async function correct(address, correction) {
  const headers = { "Content-Type": "application/json" };
  return send(address, { headers, body: JSON.stringify(correction) });
}

async function send(address, options, tries = 2) {
  let response;
  const { token } = document.body.dataset; // of those who are signed in
  const headers = { Accept: "application/json", ...(token && { "X-CSRFToken": token }), ...options.headers };
  try {
    response = await fetch(address, { method: "POST", ...options, headers });
  } catch {
    throw new Refusal("unreachable", "I cannot reach the server.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 503 && tries) {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    return send(address, options, tries - 1);
  }
  const said = [answer.code || "", answer.detail || `The server answered ${response.status}.`];
  if (response.status === 429) throw new TooMuch(...said, Number(response.headers.get("Retry-After")) || 1);
  throw new Refusal(...said);
}
