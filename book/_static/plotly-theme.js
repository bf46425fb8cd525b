// Interactive figures follow the page's light or dark theme, and its width.
(function () {
  function paint() {
    const css = getComputedStyle(document.documentElement);
    const text = css.getPropertyValue("--pst-color-text-base").trim();
    const grid = css.getPropertyValue("--pst-color-border").trim();
    document.querySelectorAll(".plotly-graph-div").forEach((figure) => {
      const layout = figure._fullLayout || {};
      const update = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": text };
      for (const name of Object.keys(layout)) {
        if (/^[xy]axis\d*$/.test(name)) {
          update[name + ".gridcolor"] = grid;
          update[name + ".zerolinecolor"] = grid;
        } else if (/^scene\d*$/.test(name)) {
          for (const axis of "xyz") {
            update[`${name}.${axis}axis.backgroundcolor`] = "rgba(0,0,0,0)";
            update[`${name}.${axis}axis.gridcolor`] = grid;
          }
        }
      }
      Plotly.relayout(figure, update).then(() => Plotly.Plots.resize(figure));
    });
  }
  addEventListener("load", () => {
    paint();
    new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
