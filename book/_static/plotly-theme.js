// Interactive figures follow the page's light or dark theme, and its width.
(function () {
  function paint() {
    const css = getComputedStyle(document.documentElement);
    const text = css.getPropertyValue("--pst-color-text-base").trim();
    const grid = css.getPropertyValue("--pst-color-border").trim();
    document.querySelectorAll(".plotly-graph-div").forEach((figure) => {
      const layout = figure._fullLayout || {};
      const update = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": text };
      update["modebar.bgcolor"] = "rgba(0,0,0,0)";
      update["modebar.color"] = grid;
      update["modebar.activecolor"] = text;
      const narrow = figure.clientWidth < 520;
      for (const name of Object.keys(layout)) {
        if (/^[xy]axis\d*$/.test(name)) {
          update[name + ".gridcolor"] = grid;
          update[name + ".zerolinecolor"] = grid;
        } else if (/^scene\d*$/.test(name)) {
          for (const axis of "xyz") {
            update[`${name}.${axis}axis.backgroundcolor`] = "rgba(0,0,0,0)";
            update[`${name}.${axis}axis.gridcolor`] = grid;
          }
          const eye = layout[name].camera && layout[name].camera.eye;
          if (narrow && eye && !figure.dataset.steppedBack) {  // so that a scene fits on a phone
            for (const axis of "xyz") update[`${name}.camera.eye.${axis}`] = eye[axis] * 1.5;
          }
        }
      }
      figure.dataset.steppedBack = "yes";
      Plotly.relayout(figure, update).then(() => Plotly.Plots.resize(figure));
    });
  }
  addEventListener("load", () => {
    paint();
    new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
