/* The review queue. Pictures are claimed ahead and loaded before they are shown; answers are
   sent one after another while the next picture is already in view. */
const AHEAD = 10; // pictures claimed at a time
const REFILL_BELOW = 7; // in stock; at two a second that leaves three seconds for the request
const LOOK_AGAIN_MS = 10000; // when nothing was left
const COUNTED = 1000; // beyond it the service does not count what waits
const NOT_A_DIGIT = 10;

const root = document.getElementById("review");
const part = (name) => document.getElementById(`review-${name}`);
const token = root.querySelector("[name=csrfmiddlewaretoken]").value;

const stock = []; // pictures that are claimed; the first one is in view
const done = []; // answers that can be undone: {picture, correction: Promise}
let sending = Promise.resolve(); // the end of the line of answers and undos on their way
let filling = false;
let reviewed = 0;
let waiting = 0;
let onTheirWay = 0; // answers that the service has not confirmed yet
let lookAgain = 0;
let swallowing = false; // the key that was meant for a picture which could not be saved

async function post(address, content, options = {}) {
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
      body: JSON.stringify(content),
      ...options,
    });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (response.redirected) throw new Error("You are signed out. Load this page again to sign in.");
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const error = new Error(answer.detail || `The service answered ${response.status}.`);
  error.lost = response.status === 409; // somebody else has the picture; it is not ours to keep
  throw error;
}

async function fill() {
  if (filling || stock.length >= REFILL_BELOW) return;
  filling = true;
  clearTimeout(lookAgain);
  const ranDry = !stock.length;
  try {
    if (ranDry) await sending; // or the last answers would still count as waiting
    const answer = await post(root.dataset.next + location.search, { count: AHEAD });
    stock.push(...answer.pictures.map(preload));
    waiting = answer.waiting - onTheirWay;
  } catch (error) {
    say(error.message);
  }
  filling = false;
  // It ran dry while the request was on its way: what came of it is out of date.
  if (!stock.length && !ranDry) return fill();
  show();
  if (!stock.length) lookAgain = setTimeout(fill, LOOK_AGAIN_MS);
}

function preload(picture) {
  picture.image = new Image();
  picture.image.alt = "the upload";
  picture.image.onload = ({ target }) => target.classList.toggle("tiny", target.naturalWidth < 100);
  picture.image.onerror = ({ target }) => (target.alt = "The file of this upload is gone.");
  picture.image.src = picture.picture;
  return picture;
}

function show() {
  const picture = stock[0];
  part("desk").hidden = !picture;
  part("empty").hidden = Boolean(picture);
  part("undo").disabled = !done.length;
  part("done").textContent = `${reviewed} reviewed`;
  part("waiting").textContent = waiting > COUNTED ? `more than ${COUNTED} waiting` : `${Math.max(waiting, stock.length)} waiting`;
  for (const button of part("keys").querySelectorAll("[data-label], .confirm")) button.disabled = !picture;
  if (!picture) return showEmpty();
  if (part("picture").firstChild !== picture.image) part("picture").replaceChildren(picture.image);
  part("saw").src = picture.saw;
  part("link").href = picture.page;
  part("link").textContent = `Upload ${picture.id}`;
  part("status").textContent = picture.status;
  part("likely").replaceChildren(...picture.likely.map(likelyRow));
  part("confirm").firstElementChild.textContent = `Confirm ${picture.digit}`;
}

function likelyRow({ digit, percent }) {
  const row = document.createElement("li");
  const [number, bar, text] = ["b", "progress", "span"].map((tag) => document.createElement(tag));
  number.textContent = digit;
  bar.max = 100;
  bar.value = percent;
  bar.setAttribute("aria-hidden", "true");
  text.textContent = `${percent.toFixed(1)} %`;
  row.append(number, bar, text);
  return row;
}

function showEmpty() {
  let title = "All reviewed";
  let text = "Nothing waits for review. New uploads appear here by themselves.";
  if (filling) [title, text] = ["One moment", "Looking for the next pictures."];
  else if (waiting) [title, text] = ["Nothing left for you", "The remaining pictures are open in another window or with another reviewer. They return here when released."];
  part("empty-title").textContent = title;
  part("empty-text").textContent = text;
}

function say(text) {
  part("message").textContent = text;
  part("message").hidden = !text;
}

function answer(label) {
  if (swallowing) {
    swallowing = false;
    return say("Nothing was labelled: another picture is in view. The one not saved comes after it.");
  }
  const picture = stock.shift();
  if (!picture) return;
  const correction = sending.then(() => post(root.dataset.answer, { picture: picture.id, label }));
  const step = { picture, correction };
  done.push(step);
  onTheirWay += 1;
  sending = correction.catch((error) => notKept(step, error)).finally(() => (onTheirWay -= 1));
  say("");
  flash(label);
  count(1);
  fill();
  show();
}

function notKept(step, error) {
  if (!done.includes(step)) return; // undone meanwhile: undo() has it
  done.splice(done.indexOf(step), 1);
  count(-1);
  // Behind the one in view, which must not change under somebody's finger.
  if (!error.lost) stock.splice(1, 0, step.picture);
  // Whoever tries again means that picture, not the one in view.
  swallowing = !error.lost && stock[0] !== step.picture;
  say(error.lost ? error.message : `Not saved: ${error.message}`);
  show();
}

function undo() {
  const step = done.pop();
  if (!step) return;
  say("");
  stock.unshift(step.picture);
  count(-1);
  sending = sending.then(() => takeBack(step));
  show();
}

async function takeBack(step) {
  let kept = false;
  try {
    const { correction } = await step.correction;
    kept = true;
    await post(root.dataset.undo, { correction });
  } catch (error) {
    say(`Not undone: ${error.message}`);
    if (kept) count(1);
    if (kept && !error.lost) done.push(step);
    if (kept || error.lost) stock.splice(stock.indexOf(step.picture), 1);
    show();
  }
}

function count(more) {
  reviewed += more;
  waiting -= more;
}

function flash(label) {
  const button = part("keys").querySelector(`[data-label="${label}"]`);
  button.classList.add("pressed");
  setTimeout(() => button.classList.remove("pressed"), 150);
}

const confirmRead = () => stock.length && answer(stock[0].digit);

document.addEventListener("keydown", (event) => {
  // A key that is held down must not label a row of pictures.
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("select")) return; // one of the filters, which takes the keys itself
  const onControl = event.target.closest("a, button");
  if (/^[0-9]$/.test(event.key)) answer(Number(event.key));
  else if (event.key.toLowerCase() === "n") answer(NOT_A_DIGIT);
  else if (event.key.toLowerCase() === "u") undo();
  else if (event.key === "Enter" && !onControl) confirmRead();
  else return;
  event.preventDefault();
});

part("keys").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button === part("confirm")) confirmRead();
  else if (button === part("undo")) undo();
  else answer(Number(button.dataset.label));
});

root.addEventListener("click", (event) => {
  // By mouse or finger, a control keeps no focus: Enter goes on meaning "confirm".
  if (event.detail) event.target.closest("a, button")?.blur();
});

addEventListener("pagehide", () => {
  if (!stock.length) return;
  const pictures = stock.map((picture) => picture.id);
  post(root.dataset.release, { pictures }, { keepalive: true }).catch(() => {});
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // back from the browser's cache, with claims given up
});

fill();
