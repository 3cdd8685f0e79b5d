// What was read, as columns: one array of times, one array for each series. A rate is the growth of a figure since the last
// reading, per second. null: nothing is drawn there.
const LONGEST = 3600; // readings

export class History {
    constructor(series) {
        this.series = series;
        this.times = [];
        this.columns = new Map(series.map(one => [one.key, []]));
        this.last = null;
        this.before = null;
    }

    // The value of a series now: from the reading, or from the change since the last one.
    #value(one, now) {
        const before = this.last;
        if (one.read)
            return one.read(now, before);
        if (!before || now.time <= before.time)
            return null;
        return (one.total(now) - one.total(before)) / (now.time - before.time);
    }

    add(now) {
        const restarted = this.last && now.pid !== this.last.pid;
        if (restarted)
            this.clear();
        this.times.push(Date.now() / 1000);
        for (const one of this.series) {
            const value = this.#value(one, now);
            this.columns.get(one.key).push(Number.isFinite(value) ? value : null);
        }
        this.before = this.last;
        this.last = now;
        if (this.times.length > LONGEST) {
            this.times.shift();
            for (const column of this.columns.values())
                column.shift();
        }
    }

    clear() {
        this.times = [];
        for (const key of this.columns.keys())
            this.columns.set(key, []);
        this.last = this.before = null;
    }

    latest(key) {
        return this.columns.get(key).at(-1) ?? null;
    }

    // The mean of a series from one time to another; null: it has no reading there.
    mean(key, from, to) {
        const column = this.columns.get(key);
        let sum = 0, readings = 0;
        for (let i = this.times.length - 1; i >= 0 && this.times[i] >= from; i--)
            if (this.times[i] <= to && column[i] !== null) {
                sum += column[i];
                readings++;
            }
        return readings ? sum / readings : null;
    }
}
