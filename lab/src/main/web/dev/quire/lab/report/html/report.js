"use strict";
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const label = text => text.length * 7.2;

  const config = () => {
    const ink = style("--ink"), quiet = style("--quiet"), line = style("--line");
    const font = getComputedStyle(document.body).fontFamily;
    const text = { labelColor: ink, titleColor: quiet, labelFont: font, titleFont: font,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    return {
      background: "transparent", font,
      view: { stroke: null },
      axis: { ...text, domainColor: line, tickColor: line, gridColor: line, labelLimit: 0 },
      legend: { ...text, labelLimit: 0, symbolStrokeWidth: 2 },
    };
  };

  // Long policy names take a line for each of their parts.
  const parts = "split(replace(datum.label, /\\+/g, '\\n+'), '\\n')";

  const heat = plot => {
    const widest = Math.max(...plot.hosts.flatMap(host => host.split("+")).map(label), 64);
    const half = plot.most > 0 ? plot.most * 0.6 : 1;
    return {
      data: { values: plot.values },
      width: { step: widest + 20 },
      height: { step: 44 },
      encoding: {
        x: { field: "host", type: "nominal", sort: plot.hosts,
          axis: { title: "host pages", labelAngle: 0, labelExpr: parts, ticks: false, domain: false } },
        y: { field: "guest", type: "nominal", sort: plot.guests,
          axis: { title: "guest pages", ticks: false, domain: false } },
      },
      layer: [
        { mark: { type: "rect", stroke: style("--panel"), strokeWidth: 2, cornerRadius: 4 },
          encoding: {
            color: { field: "misses", type: "quantitative", legend: null,
              scale: { domain: [0, plot.most > 0 ? plot.most : 1], interpolate: "lab",
                range: [style("--heat-low"), style("--heat-high")] } },
            tooltip: [
              { field: "guest", title: "guest pages" }, { field: "host", title: "host pages" },
              { field: "text", title: "L2 misses per million" } ] } },
        { mark: { type: "text", fontSize: 13 },
          encoding: {
            text: { field: "text" },
            color: { condition: { test: "datum.misses > " + half, value: style("--heat-ink-high") },
              value: style("--heat-ink") } } },
      ],
    };
  };

  // As many columns of a legend as there is room for beside the labels and the title of the y axis.
  const columns = plot => {
    const room = document.getElementById(plot.id).clientWidth - 110;
    const widest = Math.max(...plot.series.map(label)) + 32;
    return Math.max(1, Math.min(4, Math.floor(room / widest)));
  };

  const bytes = "datum.value >= 1073741824 ? format(datum.value / 1073741824, '~r') + ' GiB'"
    + " : datum.value >= 1048576 ? format(datum.value / 1048576, '~r') + ' MiB'"
    + " : format(datum.value / 1024, '~r') + ' KiB'";

  const curve = plot => {
    const colours = style("--series").split(",").map(colour => colour.trim());
    return {
      data: { values: plot.values.map(value => (
        { ...value, width: Math.max(2, 2 * Math.min(plot.series.length, 3) - 2 * plot.series.indexOf(value.series)) })) },
      width: "container",
      height: 300,
      autosize: { type: "fit", contains: "padding" },
      mark: { type: "line", point: { size: 45 } },
      encoding: {
        x: { field: "footprint", type: "quantitative", scale: { type: "log", base: 2, nice: false },
          axis: { title: "footprint", values: plot.footprints, labelExpr: bytes, labelOverlap: true } },
        y: { field: "misses", type: "quantitative", scale: { zero: true },
          axis: { title: "misses per million accesses", format: ",.8~g", tickCount: 6 } },
        color: { field: "series", type: "nominal", sort: plot.series,
          scale: { domain: plot.series, range: plot.series.map((s, i) => colours[i % colours.length]) },
          legend: { title: "guest pages on host pages", orient: "top", columns: columns(plot), symbolType: "circle" } },
        // Lines that coincide are drawn over each other: earlier ones are wider and show behind.
        strokeWidth: { field: "width", type: "quantitative", scale: null, legend: null },
        strokeDash: { field: "level", type: "nominal",
          scale: { domain: ["L2", "L1"], range: [[1, 0], [5, 4]] },
          legend: null },
        tooltip: [
          { field: "series", title: "pages" }, { field: "size", title: "footprint" },
          { field: "level" }, { field: "misses", title: "misses per million", format: ",.1f" } ],
      },
    };
  };

  const pairs = plot => {
    const colours = style("--series").split(",").map(colour => colour.trim());
    const row = { field: "row", type: "nominal", sort: plot.rows,
      axis: { title: null, labelLimit: 0, grid: true, ticks: false, domain: false } };
    // Few figures are far larger than the rest: the scale bends so that all can be told apart.
    const sizes = plot.values.map(value => Math.abs(value.value));
    const bent = Math.max(...sizes) > 300 && plot.unit === "%";
    const value = { field: "value", type: "quantitative",
      scale: bent ? { type: "symlog", constant: 10 } : { zero: false },
      axis: { title: plot.unit, orient: "top",
        ...(bent ? { values: [-100, -50, -20, -10, 0, 10, 20, 50, 100, 300, 1000, 3000] } : {}) } };
    return {
      data: { values: plot.values },
      width: "container",
      height: 17 * plot.rows.length,
      autosize: { type: "fit-x", contains: "padding" },
      encoding: { y: row },
      layer: [
        { mark: { type: "line", color: style("--quiet"), strokeWidth: 1.5 },
          encoding: { x: value, detail: { field: "row" } } },
        { mark: { type: "point", filled: true, size: 55, opacity: 1 },
          encoding: {
            x: value,
            color: { field: "which", type: "nominal",
              scale: { domain: ["published", "modelled"], range: colours.slice(0, 2) },
              legend: { title: null, orient: "top" } },
            shape: { field: "basis", type: "nominal",
              scale: { domain: ["predicted", "fitted", "counted"], range: ["circle", "square", "diamond"] },
              legend: { title: null, orient: "top" } },
            tooltip: [
              { field: "row" }, { field: "which" }, { field: "value", format: ",.4~g" }, { field: "basis" } ] } },
      ],
    };
  };

  const populators = ["eager", "vcpu_fault", "handler", "prefetch"];
  const series = () => style("--series").split(",").map(colour => colour.trim());

  const latencies = plot => ({
    data: { values: plot.values },
    width: "container",
    height: 26 * plot.rows.length,
    autosize: { type: "fit-x", contains: "padding" },
    mark: { type: "bar", height: 16 },
    encoding: {
      y: { field: "row", type: "nominal", sort: plot.rows,
        axis: { title: null, labelLimit: 0, ticks: false, domain: false } },
      x: { field: "ms", type: "quantitative", stack: "zero", axis: { title: "ms", orient: "top", tickCount: 8 } },
      order: { field: "order", type: "quantitative" },
      color: { field: "part", type: "nominal", scale: { domain: plot.parts, range: series() },
        legend: { title: null, orient: "top" } },
      tooltip: [ { field: "row", title: "strategy" }, { field: "part" },
        { field: "ms", title: "modelled ms", format: ",.3f" } ],
    },
  });

  const restored = plot => ({
    data: { values: [{ at: plot.restored, text: "restored" }] },
    layer: [
      { mark: { type: "rule", strokeDash: [4, 3], color: style("--quiet"), strokeWidth: 1.5 } },
      { mark: { type: "text", align: "left", baseline: "top", dx: 4, dy: 2, color: style("--quiet") },
        encoding: { y: { value: 0 }, text: { field: "text" } } },
    ],
    encoding: { x: { field: "at", type: "quantitative" } },
  });

  const populationOf = plot => ({
    width: "container",
    height: 240,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      { data: { values: plot.values },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2 },
        encoding: {
          x: { field: "ms", type: "quantitative", scale: { domain: [0, plot.end], nice: false }, axis: { title: "modelled ms", tickCount: 8 } },
          y: { field: "pages", type: "quantitative", axis: { title: "pages, faults", format: "~s", tickCount: 6 } },
          color: { field: "series", type: "nominal",
            scale: { domain: [...populators, "stage-2 faults"], range: series() },
            legend: { title: null, orient: "top", values: [...new Set(plot.values.map(value => value.series))] } },
          tooltip: [ { field: "series" }, { field: "ms", format: ",.3f" }, { field: "pages", format: "," } ] } },
      restored(plot),
    ],
  });

  const memoryOf = plot => ({
    width: "container",
    height: 240,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      { data: { values: plot.values.map(value => ({ ...value, to: value.ms + plot.step, top: value.mib + plot.band })) },
        mark: { type: "rect" },
        encoding: {
          x: { field: "ms", type: "quantitative", scale: { domain: [0, plot.end], nice: false }, axis: { title: "modelled ms", tickCount: 8 } },
          x2: { field: "to" },
          y: { field: "mib", type: "quantitative", scale: { domain: [plot.low, plot.high], nice: false, zero: false },
            axis: { title: "guest physical MiB", tickCount: 6 } },
          y2: { field: "top" },
          color: { field: "who", type: "nominal", scale: { domain: populators, range: series() },
            legend: { title: null, orient: "top", values: [...new Set(plot.values.map(value => value.who))] } },
          opacity: { field: "share", type: "quantitative", scale: { type: "pow", exponent: 0.35, domain: [0, 1], range: [0.35, 1] }, legend: null },
          tooltip: [ { field: "who" }, { field: "mib", title: "MiB", format: ",.2f" },
            { field: "ms", format: ",.3f" }, { field: "pages", format: "," } ] } },
      restored(plot),
    ],
  });

  const scaling = plot => {
    const colours = style("--series").split(",").map(colour => colour.trim());
    const x = { field: "vcpus", type: "quantitative", scale: { type: "log", base: 2, nice: false },
      axis: { title: "vCPUs", values: plot.vcpus, format: "d" } };
    const y = { field: "value", type: "quantitative", scale: { type: "log", nice: false, padding: 12 },
      axis: { title: plot.unit, format: "~r" } };
    const color = { field: "series", type: "nominal", sort: plot.series,
      scale: { domain: plot.series, range: plot.series.map((s, i) => colours[i % colours.length]) },
      legend: { title: null, orient: "top", columns: columns(plot), symbolType: "circle" } };
    const tooltip = [ { field: "series" }, { field: "which" }, { field: "vcpus", title: "vCPUs" },
      { field: "value", title: plot.unit, format: ",.4~g" }, { field: "basis" } ];
    return {
      data: { values: plot.values },
      width: "container",
      height: 380,
      autosize: { type: "fit", contains: "padding" },
      encoding: { x, y, color },
      layer: [
        { transform: [{ filter: "datum.which === 'modelled'" }],
          mark: { type: "line", strokeWidth: 2 }, encoding: { tooltip } },
        { transform: [{ filter: "datum.which === 'published'" }],
          mark: { type: "point", filled: true, size: 60, opacity: 1 },
          encoding: {
            tooltip,
            shape: { field: "basis", type: "nominal",
              scale: { domain: ["predicted", "fitted"], range: ["circle", "square"] },
              legend: { title: null, orient: "top" } } } },
      ],
    };
  };

  let drawn = [];
  const draw = () => {
    drawn.forEach(view => view.finalize());
    drawn = [];
    for (const plot of plots) {
      const spec = (({ heat, pairs, scaling, latencies, population: populationOf, memory: memoryOf })[plot.kind] ?? curve)(plot);
      vegaEmbed("#" + plot.id, { ...spec, config: config() },
        { mode: "vega-lite", renderer: "svg", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" } })
        .then(view => { drawn.push(view); document.getElementById(plot.id).dataset.drawn = "yes"; })
        .catch(error => console.error("plot " + plot.title + ": " + error));
    }
  };
  dark.addEventListener("change", draw);
  let resized;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(draw, 200);
  });
  draw();
})();
