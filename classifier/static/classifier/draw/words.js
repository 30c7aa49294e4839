// What is said of an answer, and how the digits are written.

const NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

// Each in a box of 100 by 140, as a pen would write it.
export const WRITTEN = [
  "M56 14C24 10 14 58 18 90C22 122 40 128 54 126C80 122 86 84 82 54C79 26 66 14 50 16",
  "M28 44C42 36 52 24 59 12C58 50 56 90 54 128",
  "M22 42C22 18 46 8 62 16C82 26 78 50 62 72C48 92 32 108 20 122C40 116 62 118 86 122",
  "M24 24C40 8 74 10 74 36C74 56 56 64 42 65C62 64 82 74 80 98C78 126 40 132 20 112",
  "M54 12C46 42 34 66 16 90C40 87 62 86 88 87M66 54C66 82 63 104 61 130",
  "M33 16C31 32 29 46 26 63C44 50 80 56 80 90C80 124 42 132 20 113M33 16C48 19 62 17 82 13",
  "M66 12C40 26 20 62 20 94C20 118 38 128 52 126C74 124 82 100 73 84C63 68 34 72 22 98",
  "M18 20C40 17 62 16 84 17C66 50 52 86 46 128M34 74C48 71 60 70 76 71",
  "M72 30C62 8 28 12 28 36C28 62 79 66 78 98C77 128 24 130 22 100C21 74 76 58 72 28",
  "M75 36C66 10 30 12 26 40C23 66 58 76 75 38C77 70 72 102 62 130",
];
export const ASKED = "M26 42C26 12 76 8 78 40C79 64 52 66 51 94M51 124L51 126";

export const percent = (share) => (share > 0.999 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`);

const a = (digit) => `${digit === 8 ? "an" : "a"} ${NAMES[digit]}`;

// What was read, in a sentence, and why that is certain or not.
export function inWords({ digit, confidence, probabilities, reason }) {
  const sure = `${percent(confidence).replace(">", "more than")} sure`;
  if (!reason) return [`That is ${a(digit)}.`, `Certain, ${sure}.`];
  if (reason === "several_digits") return ["One digit at a time, please.", `Uncertain: there seems to be more than one. The likeliest is ${a(digit)}.`];
  if (reason === "not_a_digit") return ["Is that a digit?", `Uncertain: it does not look like a digit. If it is one, it is ${a(digit)}.`];
  const second = probabilities.reduce((best, each, index) => (index !== digit && (best < 0 || each > probabilities[best]) ? index : best), -1);
  return [`${a(digit).replace(/^a/, "A")}? Or ${a(second)}?`, `Uncertain: only ${sure}.`];
}

// In how long, as one says it.
export function inTime(seconds) {
  const [count, unit] = seconds < 100 ? [seconds, "second"] : seconds < 6000 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return `in ${Math.ceil(count)} ${unit}${count > 1 ? "s" : ""}`;
}

const STEPS = {
  decoded: "as sent",
  "already framed": "used as it is",
  paper: "the paper without ink",
  ink: "the ink without paper",
  "ruled lines dropped": "without ruled lines",
  strengthened: "strengthened",
  "digit kept": "the digit without specks",
  cropped: "cropped",
  framed: "28×28, centred by weight",
};

export const inStep = (name) => STEPS[name] || name;
