// Interactive figures. Each lies in the page as JSON (depthlib/plots.py) and is drawn when it comes near the window, so that
// neither Plotly (4.5 MB) nor a cloud of points keeps anybody from reading. They follow the light or dark theme, and the width.
(function () {
  const address = new URL("plotly.min.js", document.currentScript.src);
  let library;
  const plotly = () =>
    (library ??= new Promise((found, failed) => {
      const script = Object.assign(document.createElement("script"), { src: address, onload: found, onerror: failed });
      document.head.append(script);
    }));

  function colours() {
    const css = getComputedStyle(document.documentElement);
    const clear = "rgba(0,0,0,0)", text = css.getPropertyValue("--pst-color-text-base").trim(), grid = css.getPropertyValue("--pst-color-border").trim();
    return { clear, text, grid };
  }

  // What the theme changes of a layout, as Plotly's dotted paths.
  function themed(layout) {
    const { clear, text, grid } = colours();
    const update = {
      paper_bgcolor: clear, plot_bgcolor: clear, "font.color": text,
      "modebar.bgcolor": clear, "modebar.color": grid, "modebar.activecolor": text,
    };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(name)) {
        update[name + ".gridcolor"] = update[name + ".zerolinecolor"] = grid;
      } else if (/^scene\d*$/.test(name)) {
        for (const axis of "xyz") {
          update[`${name}.${axis}axis.backgroundcolor`] = clear;
          update[`${name}.${axis}axis.gridcolor`] = grid;
        }
      }
    }
    return update;
  }

  // On a phone a scene is seen from farther away, so that it fits, and the buttons do not lie on the title.
  function forPhones(layout, config) {
    config.displayModeBar = false;
    for (const [name, scene] of Object.entries(layout)) {
      const eye = /^scene\d*$/.test(name) && scene.camera?.eye;
      if (eye) for (const axis of "xyz") eye[axis] *= 1.5;
    }
  }

  function put(layout, path, value) {
    const names = path.split("."), last = names.pop();
    names.reduce((inner, name) => (inner[name] ??= {}), layout)[last] = value;
  }

  async function draw(box) {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "begun";
    const { data, layout, config } = JSON.parse(box.querySelector("script").textContent);
    const place = box.querySelector(".plotly-graph-div");
    if (data.some((trace) => !/3d|surface/.test(trace.type))) for (const axis of ["xaxis", "yaxis"]) layout[axis] ??= {};
    if (place.clientWidth < 520) forPhones(layout, config);
    for (const [path, value] of Object.entries(themed(layout))) put(layout, path, value);
    try {
      await plotly();
      await Plotly.newPlot(place, data, layout, config);
      box.dataset.drawn = "yes";
    } catch (error) {
      place.textContent = "This figure could not be drawn" + (error.message ? `: ${error.message}` : ": plotly.min.js did not load.");
    }
  }

  addEventListener("DOMContentLoaded", () => {
    const boxes = [...document.querySelectorAll(".depth-plotly")];
    const near = new IntersectionObserver(
      (seen) => seen.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)), { rootMargin: "800px 0px" });
    addEventListener("load", () => boxes.forEach((box) => near.observe(box)));
    addEventListener("beforeprint", () => boxes.forEach(draw));
    new MutationObserver(() => {
      for (const box of boxes.filter((box) => box.dataset.drawn === "yes")) {
        const place = box.querySelector(".plotly-graph-div");
        Plotly.relayout(place, themed(place._fullLayout));
      }
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
