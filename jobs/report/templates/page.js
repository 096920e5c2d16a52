(() => {
  "use strict";
  const { charts, datasets } = JSON.parse(document.getElementById("drawings").textContent);
  const tip = document.getElementById("tip");
  const chooser = document.getElementById("chooser");

  // Vega's own tooltip writes a style sheet and inline styles, which the page's policy forbids.
  const tooltip = (handler, event, item, value) => {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.textContent = String(value);
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${event.clientY + box.height + 24 > innerHeight ? event.clientY - box.height - 12 : event.clientY + 16}px`;
  };

  const draw = ([id, specification]) =>
    vegaEmbed(`#${id}`, { ...specification, datasets }, {
      mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip,
    }).then(({ view }) => view);

  const show = (views, brand) => {
    for (const part of document.querySelectorAll("[data-brand]")) part.hidden = part.dataset.brand !== brand;
    return Promise.all(views.map((view) => view.signal("brand", brand).runAsync()));
  };

  Promise.all(Object.entries(charts).map(draw)).then((views) => {
    const chosen = () => chooser.querySelector("input:checked").value;
    chooser.hidden = chooser.querySelectorAll("input").length < 2;
    chooser.addEventListener("change", () => show(views, chosen()));
    addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
    return show(views, chosen());
  }).then(() => { document.documentElement.dataset.charts = "drawn"; });
})();
