// A page to draw on with mouse, finger or pen, or to lay a picture on.

const SENT_SIDE = 280; // pixels of the picture that is sent; the network looks at 28
const PEN = 0.055; // the pen's width, as a part of the page's side

export class Pad {
  // `changed(resting)` is called after each stroke and while one is drawn.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = []; // each a list of [x, y, width], as parts of the side
    this.picture = null; // a bitmap that lies on the page instead
    this.pen = null; // the pointer that is drawing
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get empty() {
    return !this.strokes.length && !this.picture;
  }

  // How far the drawing reaches, as a part of the side.
  get extent() {
    const points = this.strokes.flat();
    const along = (axis) => points.map((point) => point[axis]);
    return Math.max(...[0, 1].map((axis) => Math.max(...along(axis)) - Math.min(...along(axis))));
  }

  down(event) {
    if (this.pen !== null || event.button) return; // a second finger draws no line
    this.pen = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.begin(...this.points([event]));
  }

  move(event) {
    if (event.pointerId !== this.pen) return;
    const between = event.getCoalescedEvents?.() || [];
    this.extend(this.points(between.length ? between : [event]));
  }

  up(event) {
    if (event.pointerId !== this.pen) return;
    this.pen = null;
    this.changed(true);
  }

  // Where a pointer was, as parts of the side, and how hard it pressed.
  points(events) {
    const box = this.canvas.getBoundingClientRect();
    return events.map(({ clientX, clientY, pointerType, pressure }) => [
      (clientX - box.left) / box.width,
      (clientY - box.top) / box.height,
      pointerType === "pen" ? 0.6 + 0.8 * pressure : 1,
    ]);
  }

  // Begin a stroke at a point; what lies on the page instead of strokes goes.
  begin(point) {
    this.picture = null;
    this.strokes.push([]);
    this.extend([point]);
  }

  extend(points) {
    this.strokes.at(-1).push(...points.map(([x, y, pressed = 1]) => [x, y, PEN * pressed]));
    this.redraw();
    this.changed(false);
  }

  undo() {
    this.strokes.pop();
    this.redraw();
    this.changed(true);
  }

  clear() {
    this.strokes = [];
    this.picture = null;
    this.redraw();
    this.changed(true);
  }

  // Lay a picture on the page; what was drawn goes.
  lay(picture) {
    this.strokes = [];
    this.picture = picture;
    this.redraw();
  }

  redraw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.picture) layPicture(context, this.picture);
    drawStrokes(context, this.strokes, this.colour("--ink"));
  }

  colour(name) {
    return getComputedStyle(this.canvas).getPropertyValue(name).trim();
  }

  // The drawing as a PNG: ink on plain paper, or chalk on a board, without the squares.
  async png() {
    const sheet = new OffscreenCanvas(SENT_SIDE, SENT_SIDE);
    const context = sheet.getContext("2d");
    context.fillStyle = this.colour("--sheet");
    context.fillRect(0, 0, SENT_SIDE, SENT_SIDE);
    drawStrokes(context, this.strokes, this.colour("--ink"));
    return sheet.convertToBlob({ type: "image/png" });
  }
}

function layPicture(context, picture) {
  const { width, height } = context.canvas;
  const scale = Math.min(width / picture.width, height / picture.height);
  const [wide, high] = [picture.width * scale, picture.height * scale];
  context.imageSmoothingEnabled = scale < 4; // a tiny picture shows its pixels
  context.fillStyle = "#fff"; // behind ink on nothing
  context.fillRect((width - wide) / 2, (height - high) / 2, wide, high);
  context.drawImage(picture, (width - wide) / 2, (height - high) / 2, wide, high);
}

function drawStrokes(context, strokes, colour) {
  const side = context.canvas.width;
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    let [fromX, fromY] = stroke[0];
    context.beginPath(); // where the pen came down: a mere dot has no line
    context.arc(fromX * side, fromY * side, (stroke[0][2] * side) / 2, 0, 2 * Math.PI);
    context.fill();
    stroke.forEach(([x, y, width], index) => {
      // From middle to middle of the points, bent towards each: no corners.
      const [nextX, nextY] = stroke[index + 1] || [x, y];
      const [toX, toY] = [(x + nextX) / 2, (y + nextY) / 2];
      context.lineWidth = width * side;
      context.beginPath();
      context.moveTo(fromX * side, fromY * side);
      context.quadraticCurveTo(x * side, y * side, toX * side, toY * side);
      context.stroke();
      [fromX, fromY] = [toX, toY];
    });
  }
}
