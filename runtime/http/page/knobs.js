// The knobs: each a slider over sensible settings and a field for exact ones. A reading does not change a knob that is being
// moved; the knob is turned when it is released. The effect of each turn is measured and shown.
import * as format from "./format.js";

const SECONDS = 10;  // compared, before and after a turn
const SETTLING = 2;  // seconds right after a turn that are not compared

const GROWTHS = [5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 800];
const OFF = 2 ** 63;

// Four steps to each doubling, from 8 MiB to eight times what the process has.
function limits(resident) {
    const highest = Math.max(2 ** 28, 2 ** Math.ceil(Math.log2(8 * resident)));
    const sizes = [];
    for (let doubling = 2 ** 23; doubling < highest; doubling *= 2)
        for (const quarter of [4, 5, 6, 7])
            sizes.push(doubling * quarter / 4);
    return [...sizes, highest, OFF];
}

class Knob {
    constructor(form, turn, write, speak) {
        this.slider = form.querySelector("[type=range]");
        this.field = form.querySelector(".value");
        this.write = write;
        this.speak = speak;
        this.steps = [OFF];
        this.value = null;
        this.moving = false;
        this.slider.addEventListener("input", () => {
            this.moving = true;
            this.#show(this.steps[this.slider.value]);
        });
        this.slider.addEventListener("change", () => turn(this.write(this.steps[this.slider.value]).replace(" ", "")));
        this.slider.addEventListener("blur", () => this.moving = false);
        form.addEventListener("submit", event => {
            event.preventDefault();
            turn(this.field.value.replace(/[\s%]/g, ""));
        });
    }

    #show(value) {
        this.field.value = this.speak(value);
        this.slider.setAttribute("aria-valuetext", this.speak(value));
    }

    // Take over the setting of the process. One between two steps becomes a step of its own.
    set(value, steps) {
        value = format.isNone(value) ? OFF : value;
        if (this.moving || document.activeElement === this.field || (value === this.value && steps.length === this.given))
            return;
        this.given = steps.length;
        this.value = value;
        this.steps = steps.includes(value) ? steps : [...steps, value].sort((a, b) => a - b);
        this.slider.max = this.steps.length - 1;
        this.slider.value = this.steps.indexOf(value);
        this.#show(value);
    }

    release() {
        this.moving = false;
        this.value = null;
    }
}

export class Knobs {
    constructor(section, source, history, turns, onTurned) {
        Object.assign(this, {section, source, history, turns, onTurned});
        const find = id => section.querySelector(`#${id}`);
        this.told = find("told");
        this.unlock = find("unlock");
        this.locked = find("locked");
        this.list = section.querySelector("#turns ol");
        const turn = key => value => this.#change(`/debug/tune?${key}=${encodeURIComponent(value)}`, key, value);
        this.gogc = new Knob(find("gogc"), turn("gogc"), value => format.isNone(value) ? "off" : String(value), format.percent);
        this.memlimit = new Knob(find("memlimit"), turn("memlimit"), format.size, format.size);
        find("free").addEventListener("click", () => this.#change("/debug/free", "free", ""));
        find("collect").addEventListener("click", () => this.#change("/debug/gc", "gc", ""));
        this.unlock.addEventListener("submit", event => {
            event.preventDefault();
            this.source.token = find("token").value;
            this.#tell(this.source.token ? "Turn a knob: then it shows whether the token is right." : "", false);
            this.#rights();
        });
        this.changeable = null;
    }

    #tell(text, wrong) {
        this.told.textContent = text;
        this.told.classList.toggle("wrong", wrong);
    }

    // Who may turn a knob: see answer.h. "free": every client; "token": a client that has the token; "never": nobody.
    #rights() {
        const may = this.changeable === "free" || (this.changeable === "token" && Boolean(this.source.token));
        this.unlock.hidden = this.changeable !== "token" || may;
        this.locked.hidden = this.changeable !== "never";
        for (const control of this.section.querySelectorAll(".knob input, .actions button"))
            control.disabled = !may;
    }

    // Even reading needs the token: the endpoint is not on loopback.
    askToken() {
        this.changeable = "token";
        this.source.token = "";
        this.#rights();
    }

    async #change(target, key, value) {
        const names = {gogc: `Growth ${value}${value === "off" ? "" : " %"}`, free: "Given back", gc: "Collected",
            memlimit: `Limit ${value.replace(/(?<=\d)(?=[KMGT]iB)/, " ")}`};
        let answer;
        try {
            answer = await this.source.change(target);
        } catch {
            answer = {ok: false, text: "The process does not answer."};
        }
        this.gogc.release();
        this.memlimit.release();
        if (!answer.ok) {
            if (answer.status === 403)
                this.source.token = "";
            this.#rights();
            this.#tell(answer.text, true);
        } else {
            this.#tell(`${names[key]}: done.`, false);
            this.#note(key, names[key]);
        }
        this.onTurned();
    }

    // Turns of one knob within SETTLING seconds of each other are one turn.
    #note(key, name) {
        const time = Date.now() / 1000, last = this.turns.at(-1);
        if (last?.key === key && time < last.time + SETTLING) {
            this.turns.pop();
            last.item?.remove();
        }
        this.turns.push({key, time, short: name, done: false});
    }

    // Compare the means of some seconds before a turn with those after it, once these are known.
    #judge(turn) {
        const before = key => this.history.mean(key, turn.time - SECONDS, turn.time);
        const after = key => this.history.mean(key, turn.time + SETTLING, turn.time + SETTLING + SECONDS);
        const parts = [["held", "held", format.bytes], ["cpu", "processor", format.percent]]
            .map(([key, name, write]) => [name, before(key), after(key), write])
            .filter(([, from, to]) => from !== null && to !== null)
            .map(([name, from, to, write]) => `${name} ${write(from)} → ${write(to)}`);
        turn.done = true;
        turn.item.lastChild.textContent = parts.join(", ") || "too little was seen before it";
    }

    #list() {
        for (const turn of this.turns) {
            if (!turn.item) {
                const name = document.createElement("b");
                name.textContent = `${turn.short}: `;
                turn.item = document.createElement("li");
                turn.item.append(name, `measured for ${SECONDS + SETTLING} seconds …`);
                this.list.prepend(turn.item);
            }
            if (!turn.done && Date.now() / 1000 > turn.time + SETTLING + SECONDS)
                this.#judge(turn);
        }
        this.section.querySelector("#turns").hidden = this.turns.length === 0;
    }

    show(now) {
        if (now.changes !== this.changeable) {
            this.changeable = now.changes;
            this.#rights();
        }
        this.gogc.set(now.metrics["/gc/gogc:percent"], [...GROWTHS, OFF]);
        this.memlimit.set(now.metrics["/gc/gomemlimit:bytes"], limits(now.resident));
        this.#list();
    }
}
