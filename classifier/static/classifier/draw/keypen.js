// A pen for the keyboard: arrows move it, two of them slantwise; Space sets it down and lifts it.

const STEP = 0.02; // of the page's side
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyPen {
  // `tip` shows where the pen is; `tell(words)` says what it does to those who do not see it.
  constructor(pad, tip, tell) {
    Object.assign(this, { pad, tip, tell, at: [0.5, 0.5], held: new Set(), stroke: null });
    const { canvas } = pad;
    canvas.addEventListener("keydown", (event) => this.pressed(event));
    canvas.addEventListener("keyup", ({ key }) => this.held.delete(key));
    canvas.addEventListener("focus", () => this.show());
    canvas.addEventListener("blur", () => this.lift());
  }

  // Down as long as the stroke that it began is the last one: undo and clear lift it.
  get down() {
    return this.stroke !== null && this.pad.strokes.at(-1) === this.stroke;
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.pad.canvas.matches(":focus-visible")) return;
    if (event.key in ARROWS) this.move(event.key);
    else if (event.key !== " ") return;
    else if (!event.repeat) this.down ? this.lift() : this.set();
    event.preventDefault(); // or the page would scroll
  }

  move(key) {
    this.held.add(key);
    for (const axis of [0, 1]) {
      const by = [...this.held].reduce((sum, each) => sum + ARROWS[each][axis], 0);
      this.at[axis] = Math.min(0.96, Math.max(0.04, this.at[axis] + by * STEP));
    }
    if (this.down) this.pad.extend([this.at]);
    this.show();
  }

  set() {
    this.pad.begin(this.at);
    this.stroke = this.pad.strokes.at(-1);
    this.tell("Pen down.");
    this.show();
  }

  lift() {
    const drawn = this.down;
    this.stroke = null;
    this.held.clear();
    if (drawn) this.pad.changed(true);
    this.show();
  }

  show() {
    this.tip.hidden = !this.pad.canvas.matches(":focus-visible");
    this.tip.classList.toggle("down", this.down);
    this.tip.style.left = `${100 * this.at[0]}%`;
    this.tip.style.top = `${100 * this.at[1]}%`;
  }
}
