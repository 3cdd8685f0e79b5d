// One chart: a heading, a plot by uPlot (a global of its script), and a legend of buttons that show and hide series.
// The plot itself is an image to a screen reader; its label says the latest values in words.
import {shortened} from "./format.js";

const HEIGHT = {large: 320, small: 160};

const colour = tone => getComputedStyle(document.documentElement).getPropertyValue(`--${tone}`).trim();

function translucent(tone, opacity) {
    const hex = colour(tone).slice(1);
    const full = hex.length === 3 ? [...hex].map(digit => digit + digit).join("") : hex;
    return `#${full}${Math.round(opacity * 255).toString(16).padStart(2, "0")}`;
}

const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
};

// Vertical lines where a knob was turned.
const turnsPlugin = turns => ({
    hooks: {
        draw: plot => {
            const {ctx, bbox} = plot;
            ctx.save();
            ctx.strokeStyle = ctx.fillStyle = colour("quiet");
            ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
            ctx.setLineDash([devicePixelRatio, 3 * devicePixelRatio]);
            let end = -Infinity, row = 0;
            for (const turn of turns) {
                const x = plot.valToPos(turn.time, "x", true);
                if (x < bbox.left || x > bbox.left + bbox.width)
                    continue;
                ctx.beginPath();
                ctx.moveTo(x, bbox.top);
                ctx.lineTo(x, bbox.top + bbox.height);
                ctx.stroke();
                if (!plot.root.closest(".large"))
                    continue;
                const width = ctx.measureText(turn.short).width + 8 * devicePixelRatio;
                const left = x + width > bbox.left + bbox.width; // left of the line, if there is no room right of it
                row = (left ? x - width : x) < end ? (row + 1) % 5 : 0;
                end = Math.max(end, left ? x : x + width);
                ctx.textAlign = left ? "right" : "left";
                ctx.fillText(turn.short, x + (left ? -4 : 4) * devicePixelRatio, bbox.top + (12 + 14 * row) * devicePixelRatio);
            }
            ctx.restore();
        },
    },
});

export class Chart {
    constructor(about, section, turns) {
        this.about = about;
        this.turns = turns;
        this.hidden = new Set();
        this.section = section;
        const title = element("h2", {id: `${about.id}-title`, textContent: about.title});
        section.setAttribute("aria-labelledby", title.id);
        this.room = element("div", {className: "plot"});
        this.room.setAttribute("role", "img");
        this.nothing = element("p", {className: "nothing", textContent: about.nothing ?? "", hidden: true});
        this.legend = element("ul", {className: "legend"});
        this.legend.setAttribute("aria-label", `Series of ${about.title}`);
        this.values = about.series.map(one => this.#entry(one));
        section.append(title, element("p", {className: "about", textContent: about.about}), this.room, this.nothing,
            this.legend);
        this.history = null;
        new ResizeObserver(() => this.#fit()).observe(this.room);
    }

    #entry(one) {
        const swatch = element("i", {className: one.dash ? "dashed" : ""});
        swatch.style.setProperty("--tone", `var(--${one.tone})`);
        const value = element("b");
        const button = element("button", {type: "button"}, swatch, one.name, value);
        button.setAttribute("aria-pressed", "true");
        button.addEventListener("click", () => {
            const shown = this.hidden.delete(one.key);
            if (!shown)
                this.hidden.add(one.key);
            button.setAttribute("aria-pressed", String(shown));
            this.plot?.setSeries(1 + this.about.series.indexOf(one), {show: shown});
        });
        const item = element("li", {}, button);
        this.legend.append(item);
        return {item, value};
    }

    #options() {
        const axis = {stroke: colour("quiet"), grid: {stroke: colour("grid"), width: 1}, ticks: {show: false},
            font: "12px system-ui, sans-serif"};
        return {
            width: this.room.clientWidth,
            height: this.about.large ? HEIGHT.large : HEIGHT.small,
            legend: {show: false},
            cursor: {sync: {key: "weir"}, y: false, drag: {x: false, y: false}, points: {size: 7}},
            scales: {y: {range: (plot, low, high) => [0, (high || 1) * 1.08]}},
            axes: [
                {...axis, size: 30, space: 70, values: "{HH}:{mm}:{ss}"},
                {...axis, size: 70, space: this.about.large ? 45 : 35, ...this.#increments(),
                    values: (plot, ticks) => ticks.map(shortened(this.about.format))},
            ],
            series: [{}, ...this.about.series.map(one => ({
                label: one.name, show: !this.hidden.has(one.key), stroke: colour(one.tone), width: one.points ? 0 : 2, dash: one.dash,
                fill: one.fill ? translucent(one.tone, one.fill) : undefined, spanGaps: false,
                points: {show: Boolean(one.points), size: 5, fill: colour(one.tone)},
            }))],
            plugins: [turnsPlugin(this.turns)],
            hooks: {setCursor: [plot => this.#tell(plot.cursor.idx)]},
        };
    }

    // The ticks on an axis of sizes are at multiples of powers of two.
    #increments() {
        if (!this.about.format(2048).includes("KiB"))
            return {};
        const powers = [];
        for (let power = 1; power < 2 ** 50; power *= 2)
            powers.push(power);
        return {incrs: powers};
    }

    #data(window) {
        const {times, columns} = this.history;
        const first = times.findIndex(time => time >= times.at(-1) - window);
        return [times.slice(first), ...this.about.series.map(one => columns.get(one.key).slice(first))];
    }

    // The values in the legend: of the reading under the cursor, or the latest.
    #tell(index) {
        const data = this.plot?.data;
        this.about.series.forEach((one, i) => {
            const column = data ? data[i + 1] : [];
            const value = index === null || index === undefined ? column.at(-1) : column[index];
            this.values[i].item.hidden = !this.history?.columns.get(one.key).some(some => some !== null);
            this.values[i].value.textContent = value === null || value === undefined ? "" : this.about.format(value);
        });
    }

    #describe() {
        const words = this.about.series
            .map(one => [one.name, this.history.latest(one.key)])
            .filter(([, value]) => value !== null)
            .map(([name, value]) => `${name} ${this.about.format(value)}`);
        this.room.setAttribute("aria-label", `${this.about.title} over time. Now: ${words.join(", ") || "nothing"}.`);
    }

    #fit() {
        const width = this.room.clientWidth;
        if (this.plot && width > 0 && width !== this.plot.width)
            this.plot.setSize({width, height: this.plot.height});
    }

    draw(history, window) {
        this.history = history;
        const has = !this.about.has || this.about.has(history.last);
        this.room.hidden = this.legend.hidden = !has;
        this.nothing.hidden = has;
        if (!has || this.room.clientWidth === 0)
            return;
        const data = this.#data(window);
        const range = {min: data[0].at(-1) - Math.min(window, Math.max(30, data[0].at(-1) - data[0][0])), max: data[0].at(-1)};
        if (!this.plot)
            this.plot = new uPlot(this.#options(), data, this.room);
        this.plot.setData(data, false);
        this.plot.setScale("x", range);
        this.#tell(this.plot.cursor.idx);
        this.#describe();
    }

    // The colours have changed.
    rebuild(window) {
        this.plot?.destroy();
        this.plot = null;
        if (this.history?.last)
            this.draw(this.history, window);
    }
}
