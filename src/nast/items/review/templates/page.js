"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const pick = (id) => document.getElementById(id);
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  // A verdict fills in the checks as the spreadsheet asks for them.
  const { checks, names } = data;
  const VERDICTS = [
    { key: "right", verdict: names.accept, no: [] },
    { key: "wrong", verdict: names.reject, no: ["one right"] },
    { key: "cannot tell", verdict: names.cannotTell, no: [] },
    { key: "wording is off", verdict: names.reject, no: ["natural"] },
  ];
  const SAYS = {
    right: "right",
    wrong: "wrong",
    "cannot tell": "cannot tell from this film",
    "wording is off": "wording is off",
  };
  const ASKS = { Questions: "The named answer is", Phrases: "The phrase is", "Option sets": "The options in both wordings are" };
  const KEPT = `nast-review ${data.origin.join(" ")}`;
  let state = { name: "", rows: {} };
  let tab = 0;
  let shown = false;
  const says = (text) => { pick("kept").textContent = text; };
  const at = data.sheets.map(() => 0);
  const undone = [];

  const sheet = () => data.sheets[tab];
  const row = () => sheet().rows[at[tab]];
  const mine = (id) => state.rows[id] || { verdict: "", no: [], comment: "", edits: {} };
  const judged = (one) => one.verdict !== "";
  const offered = () => VERDICTS.filter((v) => v.key !== "cannot tell" || sheet().verdicts.includes(names.cannotTell));

  const keep = () => {
    try {
      localStorage.setItem(KEPT, JSON.stringify({ ...state, tab, at }));
      says(`kept in this browser, ${new Date().toLocaleTimeString()}`);
    } catch (error) {
      says("This browser keeps nothing: save decisions.json before you close the page.");
    }
  };
  const change = (id, values) => {
    undone.push([tab, at[tab], id, state.rows[id]]);
    state.rows[id] = { ...mine(id), ...values };
    keep();
    marks();
  };

  // The film.
  const view = { scale: 1, x: 0, y: 0 };
  const stage = document.querySelector(".stage");
  const place = () => {
    const image = pick("image");
    // Some of the film stays in sight.
    const reach = { x: (view.scale - 1) * stage.clientWidth / 2, y: (view.scale - 1) * stage.clientHeight / 2 };
    Object.keys(reach).forEach((axis) => { view[axis] = Math.max(-reach[axis], Math.min(reach[axis], view[axis])); });
    image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    const invert = pick("invert").checked ? " invert(1)" : "";
    image.style.filter = `brightness(${pick("brightness").value}%) contrast(${pick("contrast").value}%)${invert}`;
  };
  const zoom = (factor) => {
    view.scale = Math.min(12, Math.max(1, view.scale * factor));
    if (view.scale === 1) view.x = view.y = 0;
    place();
  };
  const reset = () => {
    Object.assign(view, { scale: 1, x: 0, y: 0 });
    pick("brightness").value = pick("contrast").value = 100;
    pick("invert").checked = false;
    place();
  };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    view.x += event.movementX;
    view.y += event.movementY;
    place();
  });
  ["brightness", "contrast", "invert"].forEach((id) => pick(id).addEventListener("input", place));
  pick("closer").addEventListener("click", () => zoom(1.4));
  pick("farther").addEventListener("click", () => zoom(1 / 1.4));
  pick("reset").addEventListener("click", reset);

  // What a row says.
  const texts = () => {
    const own = row();
    const box = pick("texts");
    box.replaceChildren();
    Object.entries(own.fixed).forEach(([label, text]) => {
      // The labels say which option is right.
      if (label === "Right option" || (label === "Labels of the image" && !shown) || !text) return;
      box.append(element("h2", label));
      const options = text.split("\n");
      if (options.length > 1 && options.every((line, i) => line.startsWith(`${"ABCDEFG"[i]}. `))) {
        const list = element("ol");
        options.forEach((line, i) => {
          const right = shown && "ABCDEFG"[i] === own.fixed["Right option"];
          list.append(element("li", line.slice(3), right ? "truth" : ""));
        });
        box.append(list);
      } else box.append(element("p", text, "text"));
    });
    pick("answer").hidden = !own.fixed["Right option"];
    pick("show").textContent = shown ? "Hide labels and answer (a)" : "Show labels and answer (a)";
    pick("letter").textContent = shown ? own.fixed["Right option"] : "";
  };
  const choices = () => {
    pick("verdicts").replaceChildren(...offered().map((v) => {
      const button = element("button", `${VERDICTS.indexOf(v) + 1}  ${SAYS[v.key]}`);
      button.type = "button";
      button.dataset.key = v.key;
      button.addEventListener("click", () => judge(v.key));
      return button;
    }));
    pick("checks").querySelectorAll("label").forEach((label) => label.remove());
    Object.entries(checks).forEach(([check, title]) => {
      const box = element("input");
      box.type = "checkbox";
      box.dataset.check = check;
      box.addEventListener("change", () => {
        const no = mine(row().id).no.filter((name) => name !== check);
        change(row().id, { no: box.checked ? no : [...no, check] });
      });
      const label = element("label");
      label.append(box, ` ${title}`);
      pick("checks").append(label);
    });
    pick("comment").value = mine(row().id).comment;
    marks();
  };
  // What is chosen, on buttons and boxes that stay where they are.
  function marks() {
    const own = mine(row().id);
    pick("verdicts").querySelectorAll("button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.key === own.verdict));
    });
    pick("checks").hidden = !judged(own) || own.verdict === "cannot tell";
    pick("checks").querySelectorAll("input").forEach((box) => { box.checked = !own.no.includes(box.dataset.check); });
    pick("tabs").querySelectorAll("button").forEach((button, i) => { button.textContent = progress(data.sheets[i]); });
  }
  const progress = (one) => `${one.name} ${one.rows.filter((r) => judged(mine(r.id))).length} / ${one.rows.length}`;
  const corrections = () => {
    const own = mine(row().id);
    pick("edits").replaceChildren(...Object.entries(row().edits).map(([column, now]) => {
      const label = element("label", column);
      const classes = data.classes.includes(now);
      const field = element(classes ? "select" : "input");
      if (classes) field.append(...data.classes.map((name) => element("option", name)));
      field.value = own.edits[column] || now;
      field.addEventListener("change", () => {
        const edits = { ...mine(row().id).edits };
        const text = field.value.trim();
        if (text && text !== now) edits[column] = text;
        else delete edits[column];
        // A correction without a verdict would be lost: it says that the wording is off.
        const one = mine(row().id);
        const some = Object.keys(edits).length > 0;
        const given = some && !judged(one) ? { verdict: "wording is off", no: ["natural"], own: false }
          : !some && one.own === false ? { verdict: "", no: [], own: true } : {};
        change(row().id, { edits, ...given });
      });
      label.append(" ", field);
      return label;
    }));
  };
  const tabs = () => pick("tabs").replaceChildren(...data.sheets.map((one, i) => {
    const button = element("button", progress(one));
    button.type = "button";
    button.setAttribute("aria-current", String(i === tab));
    button.addEventListener("click", () => { tab = i; shown = false; draw(); });
    return button;
  }));
  const draw = () => {
    const film = data.films[row().film];
    pick("film").hidden = !film;
    document.querySelector("main").classList.toggle("with-film", Boolean(film));
    if (film && pick("image").dataset.film !== String(row().film)) {
      pick("image").src = `data:image/jpeg;base64,${film}`;
      pick("image").dataset.film = row().film;
      reset();
    }
    pick("place").textContent = `${sheet().name}, ${at[tab] + 1} of ${sheet().rows.length}`;
    pick("asks").textContent = ASKS[sheet().name];
    tabs();
    texts();
    choices();
    corrections();
  };

  const step = (by) => {
    const next = at[tab] + by;
    if (next < 0 || next >= sheet().rows.length) {
      says(next < 0 ? "This is the first row." : `This is the last row: ${progress(sheet())} have a verdict.`);
      return;
    }
    go(next);
  };
  function go(next) {
    at[tab] = next;
    shown = false;
    keep();
    draw();
    const top = document.querySelector("main").offsetTop;
    if (window.scrollY > top) window.scrollTo(0, top);
  }
  const nextOpen = () => {
    const rows = sheet().rows;
    for (let i = 1; i <= rows.length; i += 1) {
      const place = (at[tab] + i) % rows.length;
      if (!judged(mine(rows[place].id))) {
        return go(place);
      }
    }
    return says(`Every row has a verdict: ${progress(sheet())}.`);
  };
  function judge(key) {
    const found = offered().find((v) => v.key === key);
    if (!found) return;
    if (row().fixed["Right option"] && !shown) {
      shown = true;
      texts();
      says("These are the labels and the answer. Give your verdict of them now.");
      return;
    }
    change(row().id, { verdict: key, no: [...found.no], own: true });
  }
  const undo = () => {
    const last = undone.pop();
    if (!last) return;
    const [sheetNumber, place, id, before] = last;
    // A comment is no step: it stays.
    state.rows[id] = { verdict: "", no: [], edits: {}, ...before, comment: mine(id).comment };
    tab = sheetNumber;
    at[tab] = place;
    keep();
    draw();
  };

  // The file, with the columns of the spreadsheet.
  const cells = (one) => {
    const own = mine(one.id);
    const known = VERDICTS.find((v) => v.key === own.verdict);
    const edited = Object.keys(own.edits).length > 0 && own.verdict !== "wrong";
    const line = { [names.id]: one.id, [names.version]: one.version };
    Object.entries(checks).forEach(([check, title]) => {
      line[title] = !known || own.verdict === "cannot tell" ? "" : own.no.includes(check) ? "no" : "yes";
    });
    line[names.verdict] = known ? (edited ? names.edit : known.verdict) : "";
    Object.keys(one.edits).forEach((column) => { line[column] = known && edited ? own.edits[column] || "" : ""; });
    line[names.comment] = own.comment;
    return line;
  };
  const decisions = () => {
    const made = { [data.names.first]: { [names.name]: state.name, ...Object.fromEntries(data.origins) } };
    data.sheets.forEach((one) => { made[one.name] = one.rows.map(cells); });
    return made;
  };
  const save = () => {
    if (!state.name.trim()) {
      says("Write your name first.");
      pick("name").focus();
      return;
    }
    const link = element("a");
    link.download = "decisions.json";
    link.href = URL.createObjectURL(new Blob([JSON.stringify(decisions(), null, 1)], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    says(`decisions.json is saved: ${data.sheets.map(progress).join(", ")}.`);
  };
  const taken = (line, one) => {
    const no = Object.keys(checks).filter((check) => line[checks[check]] === "no");
    const edits = Object.fromEntries(Object.keys(one.edits).filter((c) => line[c]).map((c) => [c, line[c]]));
    const off = no.includes("natural") && !no.includes("one right");
    const found = {
      "": "",
      [names.cannotTell]: "cannot tell",
      [names.accept]: "right",
      [names.edit]: off ? "wording is off" : "right",
      [names.reject]: off ? "wording is off" : "wrong",
    }[line[names.verdict]];
    return { verdict: found, no, edits, comment: line[names.comment] || "" };
  };
  const load = (text) => {
    const found = JSON.parse(text);
    const first = found[names.first];
    if (!data.origins.every(([label, value]) => first[label] === value)) throw new Error("another page");
    const rows = {};
    data.sheets.forEach((one) => {
      const known = new Map(one.rows.map((r) => [r.id, r]));
      found[one.name].filter((line) => known.has(line[names.id])).forEach((line) => {
        rows[line[names.id]] = taken(line, known.get(line[names.id]));
      });
    });
    state = { name: first[names.name] || "", rows };
  };

  pick("load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const before = state;
    const some = Object.values(state.rows).some(judged);
    try {
      const text = await file.text();
      if (!some || window.confirm("Take the file in place of what is on this page?")) load(text);
      undone.length = 0;
      pick("name").value = state.name;
      draw();
      keep();
    } catch (error) {
      state = before;
      says("That file was not saved by this page: nothing is changed.");
    }
    event.target.value = "";
  });
  pick("anew").addEventListener("click", () => {
    localStorage.setItem(`${KEPT} ${state.name}`, JSON.stringify(state));
    state = { name: "", rows: {} };
    undone.length = 0;
    at.fill(0);
    tab = 0;
    pick("name").value = "";
    pick("whose").hidden = true;
    keep();
    draw();
  });
  // Who comes back finds the work that another one put aside.
  pick("name").addEventListener("change", () => {
    const aside = localStorage.getItem(`${KEPT} ${state.name}`);
    if (!aside || Object.values(state.rows).some(judged)) return;
    state = JSON.parse(aside);
    keep();
    draw();
  });
  pick("save").addEventListener("click", save);
  pick("name").addEventListener("input", () => { state.name = pick("name").value; keep(); });
  pick("comment").addEventListener("input", () => {
    state.rows[row().id] = { ...mine(row().id), comment: pick("comment").value };
    keep();
  });
  pick("show").addEventListener("click", () => { shown = !shown; texts(); });
  pick("back").addEventListener("click", () => step(-1));
  pick("next").addEventListener("click", () => step(1));
  pick("open").addEventListener("click", nextOpen);
  pick("undo").addEventListener("click", undo);
  const KEYS = { j: () => step(1), k: () => step(-1), n: nextOpen, u: undo, a: () => pick("show").click(), "+": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: reset, i: () => pick("invert").click() };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("textarea, select, input:not([type=checkbox]):not([type=range])");
    if (field && event.key === "Escape") field.blur();
    if (field || event.repeat) return;
    const verdict = VERDICTS[Number(event.key) - 1];
    if (verdict) judge(verdict.key);
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });

  try {
    const before = localStorage.getItem(KEPT);
    if (before) {
      const kept = JSON.parse(before);
      state = { name: kept.name || "", rows: kept.rows || {} };
      tab = data.sheets[kept.tab] ? kept.tab : 0;
      (kept.at || []).forEach((place, i) => { if (data.sheets[i] && data.sheets[i].rows[place]) at[i] = place; });
      // All copies of the page share what a browser keeps.
      pick("whose").hidden = !Object.values(state.rows).some(judged);
      pick("before").textContent = state.name || "somebody who left no name";
    }
  } catch (error) {
    keep();
  }
  pick("name").value = state.name;
  draw();
})();
