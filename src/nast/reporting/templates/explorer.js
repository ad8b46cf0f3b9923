"use strict";
(function () {
  const traces = JSON.parse(document.getElementById("traces").textContent);
  const pick = (id) => document.getElementById(id);
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const fill = (id, values) => pick(id).replaceChildren(...values.map(([value, text]) => {
    const option = element("option", text);
    option.value = value;
    return option;
  }));
  const trace = () => traces[Number(pick("t-trace").value)];
  // Without the sign of a number that is shown as zero.
  const short = (value, digits) => value.toFixed(digits).replace(/^-(0\.0*)$/, "$1");
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  // The map.
  const drawMap = () => {
    const shown = (trace().cells[pick("t-condition").value] || {})[pick("t-site").value] || {};
    const layers = [...new Set(Object.values(shown).flatMap((cells) => cells.map((c) => c[0])))].sort((a, b) => a - b);
    const head = element("tr");
    head.append(element("th", "token"), ...layers.map((layer) => element("th", layer === 0 ? "embedding" : layer)));
    head.querySelectorAll("th").forEach((title) => { title.scope = "col"; });
    const body = trace().roles.filter((role) => shown[role]).map((role) => {
      const line = element("tr");
      const title = element("th", role);
      title.scope = "row";
      line.append(title);
      layers.forEach((layer) => {
        const found = shown[role].find((cell) => cell[0] === layer);
        const cell = element("td", found && found[1] !== null ? short(found[1], 2) : "-");
        if (found && found[1] !== null) {
          const depth = Math.min(1, Math.abs(found[1])) * 0.42;
          cell.style.background = found[1] >= 0 ? `rgba(200, 50, 40, ${depth})` : `rgba(40, 90, 200, ${depth})`;
          const ends = found[2] === null ? "" : `, 95 % over conditions ${found[2].toFixed(2)} to ${found[3].toFixed(2)}`;
          const says = `${role}, ${layer === 0 ? "embedding" : `block ${layer}`}: ${short(found[1], 3)}${ends}; ${found[4]} samples`;
          cell.title = says;
          cell.tabIndex = 0;
          cell.addEventListener("focus", () => { pick("t-says").textContent = says; });
          cell.addEventListener("mouseenter", () => { pick("t-says").textContent = says; });
        }
        line.append(cell);
      });
      return line;
    });
    const table = element("table");
    const top = element("thead");
    const rows = element("tbody");
    top.append(head);
    rows.append(...body);
    table.append(top, rows);
    pick("t-map").replaceChildren(table);
    pick("t-says").textContent = "Point at a cell for its interval and the number of samples.";
  };

  // Scores to steps, as `nast trace` does it (section 4.3).
  const weights = (scores, beta, rule) => {
    const least = Math.min(...scores);
    const values = scores.map((s) => (rule.norm === "minmax" ? s - least : Math.max(s, 0)));
    const whole = rule.norm === "sum" ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
    if (whole <= 1e-12 || Math.max(...values) - Math.min(...values) <= 1e-12) {
      return { alpha: scores.map(() => 1), scale: scores.map(() => 1) };
    }
    const alpha = values.map((v) => rule.floor + (1 - rule.floor) * v / whole);
    const raw = alpha.map((a) => (a > 0 ? a ** beta : 0));
    const by = rule.renorm === "mean" ? raw.reduce((a, b) => a + b, 0) / raw.length : Math.max(...raw);
    return { alpha, scale: raw.map((r) => r / by) };
  };
  const drawSteps = () => {
    const own = trace();
    const name = pick("t-profile").value;
    const scores = own.profiles[name];
    const beta = Number(pick("t-beta").value);
    pick("t-beta-says").textContent = beta.toFixed(1);
    const { alpha, scale } = weights(scores, beta, own.rule);
    const gone = scale.map((s, i) => s * own.own[i]);
    const total = gone.reduce((a, b) => a + b, 0);
    const shares = gone.map((g) => g / total);
    const longest = Math.max(...scale);
    pick("t-steps").querySelector("tbody").replaceChildren(...scores.map((score, i) => {
      const line = element("tr");
      const bar = element("td");
      const length = element("span", "", "bar");
      length.style.width = `${(6 * scale[i] / longest).toFixed(2)}rem`;
      bar.append(length);
      line.append(element("td", i + 1), element("td", short(score, 4)), element("td", alpha[i].toFixed(2)),
        element("td", scale[i].toFixed(2)), bar, element("td", percent(shares[i])));
      return line;
    }));
    const top = scores.map((s, i) => i).sort((a, b) => scores[b] - scores[a] || a - b).slice(0, 3);
    const sum = (list) => top.reduce((a, i) => a + list[i], 0);
    const even = own.own.reduce((a, b) => a + b, 0);
    pick("t-sum").textContent = `The three blocks with the highest score would hold ${percent(sum(shares))} of the update; `
      + `with uniform steps ${own.measured ? "they hold" : "and blocks that go equally far"} ${percent(sum(own.own) / even)}.`
      + Object.entries(own.followed).map(([run, held]) => ` ${run}, which followed this trace, has put ${percent(sum(held))} there.`).join("")
      + (own.noisy.includes(name) ? " This profile is within its noise: nast train would take uniform steps." : "");
  };
  const drawAll = () => {
    const own = trace();
    fill("t-condition", Object.keys(own.cells).map((c) => [c, c]));
    fill("t-site", Object.entries(own.sites));
    fill("t-profile", Object.keys(own.profiles).map((p) => [p, p]));
    pick("t-profile").value = own.chosen;
    pick("t-beta").value = own.rule.beta;
    drawMap();
    drawSteps();
  };
  fill("t-trace", traces.map((one, i) => [i, one.name]));
  pick("t-trace").parentElement.hidden = traces.length < 2;
  pick("t-trace").addEventListener("change", drawAll);
  ["t-condition", "t-site"].forEach((id) => pick(id).addEventListener("change", drawMap));
  ["t-profile", "t-beta"].forEach((id) => pick(id).addEventListener("input", drawSteps));
  drawAll();
})();
