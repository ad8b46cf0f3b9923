"use strict";
(function () {
  const data = JSON.parse(document.getElementById("items").textContent);
  const pick = (id) => document.getElementById(id);
  const right = (item, form, model) => {
    const chosen = item.forms[form].chosen[model];
    return chosen ? chosen[0] === item.forms[form].answer : null;
  };
  const state = (item, model) => {
    const base = right(item, "negated", data.models[0]);
    const own = right(item, "negated", model);
    if (own === null) return "";
    if (model !== data.models[0] && base !== null && base !== own) return own ? "repaired" : "broken";
    return own ? "right" : "wrong";
  };
  const fill = (id, values) => values.forEach((value) => {
    const option = document.createElement("option");
    option.textContent = value;
    pick(id).append(option);
  });
  const conditions = [...new Set(data.items.flatMap((item) => item.conditions))].sort();
  fill("b-condition", conditions);
  fill("b-model", data.models);
  pick("b-model").value = data.model;
  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const wording = (item, form, model) => {
    const box = element("div", "", "wording");
    box.append(element("h3", form === "negated" ? "in denying words" : "in affirmative words"));
    const list = element("ol");
    item.forms[form].options.forEach((text, place) => {
      const line = element("li", text, place === item.forms[form].answer ? "truth" : "");
      for (const name of [data.models[0], model]) {
        const chosen = item.forms[form].chosen[name];
        if (chosen && chosen[0] === place && !(name === model && model === data.models[0] && line.childElementCount)) {
          const mark = element("span", `${name} +${chosen[1].toFixed(3)}`, place === item.forms[form].answer ? "chip good" : "chip bad");
          line.append(" ", mark);
        }
      }
      list.append(line);
    });
    box.append(list);
    return box;
  };
  const STEP = 6;
  let most = STEP;
  const draw = () => {
    const model = pick("b-model").value;
    const wanted = { set: pick("b-set").value, condition: pick("b-condition").value, state: pick("b-state").value };
    const shown = data.items.filter((item) =>
      (!wanted.set || item.set === wanted.set) &&
      (!wanted.condition || item.conditions.includes(wanted.condition)) &&
      (!wanted.state || state(item, model) === wanted.state));
    pick("b-count").textContent = `${shown.length} of ${data.items.length} items${shown.length > most ? `, the first ${most} shown` : ""}`;
    pick("b-more").hidden = shown.length <= most;
    const place = pick("b-items");
    place.replaceChildren();
    shown.slice(0, most).forEach((item) => {
      const card = element("article", "", "item");
      const film = data.films[item.film];
      if (film) {
        const image = element("img");
        image.src = `data:image/jpeg;base64,${film}`;
        image.alt = "the film of this item";
        image.width = 176;
        card.append(image);
      }
      const words = element("div", "", "words");
      words.append(element("p", `${item.set === "claims" ? "claim set" : "question"}: ${state(item, model)}`, "note"));
      words.append(wording(item, "negated", model), wording(item, "affirmative", model));
      card.append(words);
      place.append(card);
    });
  };
  ["b-set", "b-condition", "b-model", "b-state"].forEach((id) => pick(id).addEventListener("change", () => {
    most = STEP;
    draw();
  }));
  pick("b-more").addEventListener("click", () => {
    most += STEP;
    draw();
  });
  draw();
})();
