// Keeps the page of a training run up to date until the run ends.
"use strict";

const ASK_EVERY_MS = 1000;
const section = document.getElementById("training-run");

function show(name, text) {
  section.querySelector(`[data-show="${name}"]`).textContent = text;
}

function minutes(seconds) {
  const left = Math.max(0, Math.round(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

function progressInWords(progress) {
  const parts = [];
  if (progress.epoch) {
    parts.push(`epoch ${progress.epoch} of ${progress.epochs}, loss ${progress.loss}`);
  }
  if (progress.stage) parts.push(progress.stage);
  if (progress.seconds_left) parts.push(`${minutes(progress.seconds_left)} of training left`);
  return parts.join(", ");
}

async function update() {
  const response = await fetch(section.dataset.address, { headers: { Accept: "application/json" } });
  if (!response.ok) return true;
  const run = await response.json();
  show("state", run.state);
  show("reason", run.reason);
  show("progress", progressInWords(run.progress));
  show("log", run.log);
  section.querySelector("progress").value = run.progress.part || 0;
  return run.state === "waiting" || run.state === "running";
}

async function follow() {
  let open = true;
  try {
    open = await update();
  } catch (error) {
    show("reason", "The site does not answer; asking again.");
  }
  if (open) setTimeout(follow, ASK_EVERY_MS);
  else location.reload(); // the buttons and the fields, as they are now
}

if (section && section.dataset.open === "yes") follow();
