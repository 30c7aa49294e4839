// The page: a pad, the answer beside it, and what may be saved or corrected.

import { Refusal, TooMuch, correct, latestOf, read } from "./ask.js";
import { KeyPen } from "./keypen.js";
import { Pad } from "./pad.js";
import { ASKED, WRITTEN, inStep, inTime, inWords, percent } from "./words.js";

const at = (id) => document.getElementById(id);
const addresses = document.body.dataset;
const HINTS = ["An empty page.", "Ready when you are.", "Any digit will do.", "Sevens with a bar are welcome."];
const TOO_SHORT = 0.08; // of the page's side: a stroke that has just begun says nothing

let shown = null; // what is on the page: {picture, answer, id once it is kept}
const EMPTY = at("pad").getAttribute("aria-label");
let cleared = 0;
let hurried = false; // once told to slow down: then it looks when the pen is lifted, not before

const pad = new Pad(at("pad"), (resting) => {
  describe("What you drew.");
  at("undo").disabled = !pad.strokes.length;
  at("clear").disabled = pad.empty;
  at("hint").hidden = !pad.empty;
  if (pad.empty) return showNothing();
  if (resting || (!hurried && pad.extent > TOO_SHORT)) look({ resting });
});

new KeyPen(pad, at("tip"), (words) => { at("spoken").textContent = words; });

// Read what is on the page, without keeping it; a picture that was brought, as an upload.
// Gives for how long to wait when that was too much.
const look = latestOf(async ({ picture = null, resting = true, keep = false }, isLatest) => {
  if (pad.empty) return;
  try {
    const sent = picture || (await pad.png());
    const answer = await read(keep ? addresses.keep : addresses.preview, sent, resting);
    if (pad.empty || (picture && !isLatest())) return; // cleared, or something newer came
    shown = { picture: sent, answer, id: answer.id };
    showAnswer(answer, resting && isLatest());
  } catch (error) {
    if (pad.empty) return;
    if (isLatest() || error instanceof TooMuch) showRefusal(error);
    if (!(error instanceof TooMuch)) return;
    hurried = true;
    return 1000 * error.waitS;
  }
});

// What a screen reader says of the page.
function describe(words) {
  at("pad").setAttribute("aria-label", pad.empty ? EMPTY : words);
}

function showNothing() {
  shown = null;
  at("reading").dataset.state = "empty";
  say(HINTS[cleared++ % HINTS.length], "Draw a digit, or drop a picture of one.");
  at("written").setAttribute("d", ASKED);
  showBars(Array(10).fill(0), -1);
  for (const id of ["saw", "rests", "steps", "ask"]) at(id).hidden = true;
  showKept();
}

function showRefusal(error) {
  if (!(error instanceof Refusal)) throw error;
  shown = null;
  at("reading").dataset.state = "refused";
  at("written").setAttribute("d", ASKED);
  showBars(Array(10).fill(0), -1);
  for (const id of ["saw", "rests", "steps", "ask"]) at(id).hidden = true;
  if (error instanceof TooMuch) say("Not so fast, please.", `Too many requests. The next try is ${inTime(error.waitS)}.`);
  else say(error.code === "blank" ? "There is no ink yet." : "This cannot be read.", error.message);
  at("spoken").textContent = at("why").textContent;
  showKept();
}

function showAnswer(answer, resting) {
  const { digit, probabilities, status, explanation } = answer;
  at("reading").dataset.state = status;
  say(...inWords(answer));
  if (at("written").getAttribute("d") !== WRITTEN[digit]) write(digit);
  showBars(probabilities, digit);
  const steps = explanation?.steps;
  at("saw").src = answer.pixels || steps.at(-1).image;
  at("saw").hidden = at("steps").hidden = false;
  at("rests").hidden = !explanation;
  if (explanation) {
    at("rests").src = explanation.occlusion;
    at("film").replaceChildren(...steps.map(frame));
  }
  at("ask").hidden = !resting;
  if (at("noted")) at("noted").textContent = NOTE;
  if (resting) at("spoken").textContent = `${at("says").textContent} ${at("why").textContent}`;
  showKept();
}

function say(sentence, reason) {
  at("says").textContent = sentence;
  at("why").textContent = reason;
}

function write(digit) {
  at("written").setAttribute("d", WRITTEN[digit]);
  at("written").getAnimations().forEach((animation) => { animation.cancel(); animation.play(); });
}

function showBars(probabilities, digit) {
  [...at("bars").children].forEach((row, index) => {
    row.style.setProperty("--part", probabilities[index]);
    row.classList.toggle("answer", index === digit);
    row.querySelector(".percent").textContent = percent(probabilities[index]);
  });
}

function frame({ name, image }) {
  const [item, picture, caption] = ["li", "img", "span"].map((tag) => document.createElement(tag));
  picture.src = image;
  picture.alt = "";
  picture.classList.toggle("pixels", name === "framed" || name === "already framed");
  caption.textContent = inStep(name);
  item.append(picture, caption);
  return item;
}

const FINE = at("kept").textContent;
const NOTE = at("noted")?.textContent;

function showKept() {
  at("keep").disabled = !shown || Boolean(shown.id);
  at("keep").textContent = shown?.id ? "Saved" : "Save";
  at("kept").textContent = shown?.id ? `Saved as upload ${shown.id}, with its answer. ` : FINE;
  if (!shown?.id || !addresses.history) return;
  const link = document.createElement("a");
  link.href = `${addresses.history}${shown.id}/change/`;
  link.textContent = "Show it in the history";
  at("kept").append(link, ".");
}

// Put what is on the page into the history, once; its id.
async function keep() {
  const kept = shown;
  if (!kept.id) {
    const answer = await read(addresses.keep, kept.picture, true);
    kept.id = answer.id;
    if (shown === kept) showAnswer(answer, true);
  }
  return kept.id;
}

// Pictures that are chosen, dropped, pasted or taken

async function bring(file, isSample = false) {
  if (!file) return;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    pad.clear();
    at("reading").dataset.state = "refused";
    say("This file cannot be opened.", "Use a PNG, JPEG, WebP or BMP picture.");
    at("spoken").textContent = at("why").textContent;
    return;
  }
  pad.lay(bitmap);
  describe("Your picture.");
  at("undo").disabled = true;
  at("clear").disabled = false;
  at("hint").hidden = true;
  look({ picture: file, keep: !isSample });
}

async function bringSample(button) {
  const response = await fetch(button.dataset.sample);
  const name = button.dataset.sample.split("/").at(-1);
  bring(new File([await response.blob()], name), true);
  at("says").scrollIntoView({ block: "nearest" }); // on a small screen the samples lie below it
}

for (const id of ["choose", "photograph"]) {
  at(id).addEventListener("change", ({ target }) => {
    bring(target.files[0]);
    target.value = ""; // the same picture can be chosen again
  });
}

document.querySelector(".samples")?.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) bringSample(button);
});

for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault(); // or the browser would open the picture instead of this page
    at("drop").classList.toggle("over", kind === "dragover" || kind === "dragenter");
    if (kind === "drop") bring([...event.dataTransfer.files][0]);
  });
}

addEventListener("paste", ({ clipboardData }) => bring([...clipboardData.files][0]));

// Buttons and keys

at("undo").addEventListener("click", () => pad.undo());
at("clear").addEventListener("click", () => pad.clear());
at("keep").addEventListener("click", () => keep().catch(showRefusal));

addEventListener("keydown", (event) => {
  if (event.key === "z" && (event.ctrlKey || event.metaKey) && pad.strokes.length) pad.undo();
  else if (event.key === "Escape" && !pad.empty) pad.clear();
  else return;
  event.preventDefault();
});

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = event.submitter.value;
  const { digit } = shown.answer;
  try {
    const label = said === "" ? digit : Number(said);
    await correct(addresses.corrections, { prediction: await keep(), label });
    at("noted").textContent = label === digit ? "Saved. Thank you." : "Saved. Thank you, the next version learns from it.";
  } catch (error) {
    const why = error instanceof TooMuch ? `Too many requests. Try again ${inTime(error.waitS)}.` : error.message;
    at("noted").textContent = `Not saved: ${why}`;
  }
});
