// The page: a reading each second, kept in a history, shown as numbers, charts and a table.
import {Chart} from "./chart.js";
import {bytes, count, percent} from "./format.js";
import {History} from "./history.js";
import {Knobs} from "./knobs.js";
import {charts, series, tiles} from "./series.js";
import {Source} from "./source.js";

const EVERY = 1000; // milliseconds

const find = id => document.getElementById(id);
const source = new Source();
const history = new History(series);
const turns = [];
const drawn = charts.map(about => {
    const section = about.large ? find(about.id) : document.createElement("section");
    if (!about.large) {
        section.className = "chart";
        section.id = about.id;
        find("details").append(section);
    }
    return new Chart(about, section, turns);
});
const knobs = new Knobs(find("knobs"), source, history, turns, () => read(now => knobs.show(now)));
const outputs = tiles.map(makeTile);
let held = false;

function makeTile(tile) {
    const made = document.createElement("div"), name = document.createElement("h2"), value = document.createElement("output"),
        about = document.createElement("p");
    made.className = "tile";
    made.style.setProperty("--tone", `var(--${tile.tone})`);
    name.textContent = tile.name;
    value.setAttribute("aria-label", tile.name);
    value.setAttribute("aria-live", "off");
    about.textContent = tile.about;
    made.append(name, value, about);
    find("tiles").append(made);
    return value;
}

function state(kind, text) {
    if (find("state").dataset.state === kind)
        return;
    find("state").dataset.state = kind;
    find("state").textContent = text;
}

function showPools(pools) {
    find("pools").hidden = pools.length === 0;
    find("pools").querySelector("tbody").replaceChildren(...pools.map(pool => {
        const row = document.createElement("tr"), name = document.createElement("th");
        name.scope = "row";
        name.textContent = pool.name || "(no name)";
        row.append(name);
        const hits = pool.gets > 0 ? percent(100 * pool.hits / pool.gets) : "";
        for (const text of [bytes(pool.bytes), count(pool.held), count(pool.gets), hits])
            row.append(Object.assign(document.createElement("td"), {textContent: text}));
        return row;
    }));
}

const drawAll = () => drawn.forEach(chart => chart.draw(history, Number(find("window").value)));

function show(now) {
    const line = now.cmdline.join(" "), name = now.cmdline[0]?.split("/").at(-1) || "program";
    find("program").textContent = [name, ...now.cmdline.slice(1), `(process ${now.pid})`].join(" ");
    find("program").title = line;
    document.title = `${name} on weir`;
    tiles.forEach((tile, i) => {
        outputs[i].parentNode.hidden = tile.has && !tile.has(now);
        outputs[i].textContent = tile.format(tile.read(now));
    });
    knobs.show(now);
    if (held)
        return;
    drawAll();
    showPools(now.pools);
}

async function read(use) {
    let now;
    try {
        now = await source.read();
    } catch (error) {
        if (error.status === 403)
            knobs.askToken();
        state("lost", error.status ? error.message.trim() : "The process does not answer");
        return;
    }
    state(held ? "held" : "live", held ? "Held still" : "Live");
    use(now);
}

function record(now) {
    history.add(now);
    show(now);
}

async function run() {
    for (;;) {
        const began = performance.now();
        await read(record);
        await new Promise(resolve => setTimeout(resolve, Math.max(100, EVERY - (performance.now() - began))));
    }
}

find("hold").addEventListener("click", event => {
    held = !held;
    event.target.setAttribute("aria-pressed", String(held));
    state(held ? "held" : "live", held ? "Held still" : "Live");
    if (!held && history.last)
        show(history.last);
});
find("window").addEventListener("change", () => history.last && drawAll());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
    () => drawn.forEach(chart => chart.rebuild(Number(find("window").value))));
run();
