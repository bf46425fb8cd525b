// A depth network inside the page: the reader's picture stays in this browser. See tools/bookweb.py for what is fetched.
const HOME = new URL("./in_browser/", import.meta.url);
const LARGEST = 40e6; // pixels: beyond it, phones run out of memory
const SMALLEST = 32;

const part = (name) => document.getElementById(`in-browser-${name}`);
const say = (words, wrong = false) => {
  part("state").textContent = words;
  part("state").classList.toggle("wrong", wrong);
};

let ready = null; // one promise: the session is made once, when it is first asked for
let shown = null; // {depth, width, height, low, high} of the last answer

async function fetched(url, integrity) {
  const answer = await fetch(url, integrity ? { integrity } : {});
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer;
}

// A file of this site, which holds it as gzip.
async function unpacked(name) {
  const { body } = await fetched(new URL(`${name}.gzip`, HOME));
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  if (typeof WebAssembly !== "object") {
    throw new Error("this browser blocks WebAssembly, which the network needs. Allow it for this page, or use another browser");
  }
  const manifest = await (await fetched(new URL("manifest.json", HOME))).json();
  const elsewhere = manifest.runtime && new URL(manifest.runtime);
  say(elsewhere ? `Starting; the runtime comes from ${elsewhere.host}, its digest checked…` : "Starting; everything comes from this site…");
  const [code, wasm] = Object.entries(manifest.files).map(async ([name, digest]) =>
    elsewhere ? (await fetched(new URL(name, elsewhere), digest)).arrayBuffer() : unpacked(name),
  );
  const module = URL.createObjectURL(new Blob([await code], { type: "text/javascript" }));
  const ort = await import(module);
  URL.revokeObjectURL(module);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await wasm;
  const network = await unpacked(manifest.network);
  const session = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] });
  return { ort, session, frame: manifest.frame, colours: manifest.colours };
}

// Weights of PyTorch's antialiased bilinear interpolation along one axis: for each output, the first input and its weights.
function triangle(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = scale * (i + 0.5);
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: last - first }, (_, j) => Math.max(0, 1 - Math.abs((j + first - centre + 0.5) / support)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

// RGBA bytes → planes [3, rows, columns] in [0, 1]: the middle of the picture resized until it fills the frame.
function look({ data, width, height }, [rows, columns]) {
  const scale = Math.max(rows / height, columns / width);
  const inner = [Math.max(rows, Math.round(height * scale)), Math.max(columns, Math.round(width * scale))];
  const top = Math.floor((inner[0] - rows) / 2);
  const left = Math.floor((inner[1] - columns) / 2);
  const across = triangle(width, inner[1]).slice(left, left + columns);
  const down = triangle(height, inner[0]).slice(top, top + rows);
  const planes = new Float32Array(3 * rows * columns);
  const narrow = new Float32Array(height * columns);
  for (let c = 0; c < 3; c++) {
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < columns; u++) {
        const { first, weights } = across[u];
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * data[4 * (v * width + first + j) + c];
        narrow[v * columns + u] = sum / 255;
      }
    }
    for (let v = 0; v < rows; v++) {
      const { first, weights } = down[v];
      for (let u = 0; u < columns; u++) {
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * narrow[(first + j) * columns + u];
        planes[(c * rows + v) * columns + u] = Math.min(1, Math.max(0, sum));
      }
    }
  }
  return planes;
}

async function pixels(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error(`${blob.name ?? "this file"} is no picture that this browser can read. Choose a JPEG, PNG or WebP`);
  }
  const { width, height } = bitmap;
  if (width * height > LARGEST) {
    bitmap.close();
    throw new Error(`this picture has ${Math.round((width * height) / 1e6)} megapixels; at most ${LARGEST / 1e6} are read here. Make it smaller first: the network looks at 256 × 192 of them anyway`);
  }
  if (Math.min(width, height) < SMALLEST) {
    bitmap.close();
    throw new Error(`this picture is ${width} × ${height}; at least ${SMALLEST} pixels on the shorter side are needed`);
  }
  const canvas = new OffscreenCanvas(width, height);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(bitmap, 0, 0);
  bitmap.close();
  return brush.getImageData(0, 0, width, height);
}

function drawPhoto(planes, [rows, columns]) {
  const image = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round(255 * planes[c * rows * columns + i]);
    image.data[4 * i + 3] = 255;
  }
  paint(part("photo"), image);
}

function paint(canvas, image) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.hidden = false;
}

function drawDepth({ depth, width, height, low, high }, colours) {
  const image = new ImageData(width, height);
  depth.forEach((metres, i) => {
    const shade = colours[Math.round((255 * (metres - low)) / Math.max(high - low, 1e-6))];
    image.data.set([...shade, 255], 4 * i);
  });
  paint(part("depth"), image);
}

async function run(blob) {
  const buttons = [...document.querySelectorAll(".in-browser button, .in-browser input")];
  buttons.forEach((button) => (button.disabled = true));
  window.inBrowserResult = undefined;
  try {
    say("Reading the picture…");
    const picture = await pixels(blob);
    ready ??= start();
    const { ort, session, frame, colours } = await ready.catch((error) => {
      ready = null; // the next click may try again
      throw error;
    });
    const planes = look(picture, frame);
    drawPhoto(planes, frame);
    const began = performance.now();
    const { depth } = await session.run({ rgb: new ort.Tensor("float32", planes, [1, 3, ...frame]) });
    const took = performance.now() - began;
    const [height, width] = depth.dims.slice(2);
    const sorted = Float32Array.from(depth.data).sort();
    shown = { depth: depth.data, width, height, low: sorted[0], high: sorted[sorted.length - 1] };
    drawDepth(shown, colours);
    document.querySelector(".in-browser-maps.before")?.setAttribute("hidden", "");
    say(`Depth from ${shown.low.toFixed(2)} to ${shown.high.toFixed(2)} m, median ${sorted[sorted.length >> 1].toFixed(2)} m; ${took.toFixed(0)} ms in this browser. Point at the map to read it.`);
    window.inBrowserResult = { height, width, depth: Array.from(depth.data) };
  } catch (error) {
    say(`It did not work: ${error.message}.`, true);
    window.inBrowserResult = { error: error.message };
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

function readOut(event) {
  if (!shown) return;
  const box = part("depth").getBoundingClientRect();
  const u = Math.min(shown.width - 1, Math.floor(((event.clientX - box.left) / box.width) * shown.width));
  const v = Math.min(shown.height - 1, Math.floor(((event.clientY - box.top) / box.height) * shown.height));
  if (u >= 0 && v >= 0) part("value").textContent = `${shown.depth[v * shown.width + u].toFixed(2)} m`;
}

part("file").addEventListener("change", (event) => event.target.files[0] && run(event.target.files[0]));
part("example").addEventListener("click", async () => run(await (await fetch(new URL("example.png", HOME))).blob()));
part("depth").addEventListener("pointermove", readOut);
part("depth").addEventListener("pointerleave", () => (part("value").textContent = ""));
document.querySelector(".in-browser").hidden = false;
