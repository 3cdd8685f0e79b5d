// What is plotted: each chart with its series, and where their values come from. `read` takes a value from a reading;
// `total` takes a figure that only grows, whose rate is plotted; `has` says whether the program has such things at all.
// `tone` is a colour of page.css.
import * as format from "./format.js";

const metric = name => now => now.metrics[name];
const limited = name => now => format.isNone(now.metrics[name]) ? null : now.metrics[name];
const collects = now => now.metrics["/gc/cycles/total:gc-cycles"] > 0;
const pooled = now => now.pools.length > 0;

// The upper end of the highest bucket that has grown since the last reading.
function longestStop(now, before) {
    if (!before)
        return null;
    const old = new Map(before.pauses.map(([low, , times]) => [low, times]));
    const grown = now.pauses.filter(([low, , times]) => times > (old.get(low) ?? 0));
    return grown.length ? grown.at(-1)[1] ?? grown.at(-1)[0] : null;
}

export const charts = [
    {
        id: "memory", title: "Memory", large: true, format: format.bytes,
        about: "The program needs what is live. The growth knob bounds what is held beyond it.",
        series: [
            {key: "resident", name: "Resident", tone: "resident", fill: .10, read: now => now.resident},
            {key: "held", name: "Held", tone: "held", fill: .14, read: metric("/weir/memory/held:bytes")},
            {key: "live", name: "Live", tone: "live", fill: .22, read: metric("/memory/classes/heap/objects:bytes")},
            {key: "heap", name: "Collected heap", tone: "heap",
                read: now => collects(now) ? now.metrics["/weir/gc/heap:bytes"] : null},
            {key: "goal", name: "Goal", tone: "goal", dash: [2, 4],
                read: now => collects(now) ? limited("/gc/heap/goal:bytes")(now) : null},
            {key: "limit", name: "Limit", tone: "limit", dash: [8, 5], read: limited("/gc/gomemlimit:bytes")},
        ],
    },
    {
        id: "processor", title: "Processor", format: format.percent,
        about: "Of one processor, by the whole program.",
        series: [{key: "cpu", name: "Used", tone: "held", fill: .14,
            read: (now, before) => before ? 100 * (now.cpu - before.cpu) / (now.time - before.time) : null}],
    },
    {
        id: "traffic", title: "Allocated, given back", format: format.rate(format.bytes),
        about: "To the program, and back to the kernel.",
        series: [
            {key: "allocated", name: "Allocated", tone: "live", total: metric("/gc/heap/allocs:bytes")},
            {key: "released", name: "Given back", tone: "second", total: metric("/weir/os/released:bytes")},
        ],
    },
    {
        id: "faults", title: "Page faults", format: format.rate(format.count),
        about: "Memory that was given back too early costs a fault when it is used again.",
        series: [{key: "faults", name: "Faults", tone: "second", fill: .14, total: now => now.faults}],
    },
    {
        id: "cycles", title: "Collections", format: format.rate(format.count),
        about: "The collector looks for objects that nothing points to.",
        nothing: "Nothing was collected: this program frees by hand.", has: collects,
        series: [{key: "cycles", name: "Collections", tone: "heap", fill: .14, total: metric("/gc/cycles/total:gc-cycles")}],
    },
    {
        id: "stops", title: "Longest stop", format: format.seconds,
        about: "How long the program stood still for a collection.",
        nothing: "The program was never stopped.", has: collects,
        series: [{key: "stop", name: "Longest", tone: "limit", points: true, read: longestStop}],
    },
    {
        id: "pooled", title: "Pools", format: format.bytes,
        about: "Objects kept for the next user.",
        nothing: "This program has no pools.", has: pooled,
        series: [{key: "pooled", name: "Held", tone: "live", fill: .14, read: metric("/weir/pools/held:bytes")}],
    },
];

export const series = charts.flatMap(chart => chart.series);

export const tiles = [
    {name: "Live", tone: "live", about: "allocated and not freed", read: metric("/memory/classes/heap/objects:bytes"), format: format.bytes},
    {name: "Held", tone: "held", about: "from the kernel, by weir", read: metric("/weir/memory/held:bytes"), format: format.bytes},
    {name: "Resident", tone: "resident", about: "of the whole process", read: now => now.resident, format: format.bytes},
    {name: "Limit", tone: "limit", about: "near it, idle memory is given back", read: metric("/gc/gomemlimit:bytes"), format: format.orNone(format.bytes)},
    {name: "Given back", tone: "second", about: "to the kernel, ever", read: metric("/weir/os/released:bytes"), format: format.bytes},
    {name: "Goal", tone: "goal", about: "of the next collection", has: collects, read: metric("/gc/heap/goal:bytes"),
        format: format.orNone(format.bytes)},
    {name: "Collections", tone: "heap", about: "since it began", has: collects, read: metric("/gc/cycles/total:gc-cycles"),
        format: format.count},
    {name: "Longest stop", tone: "limit", about: "for a collection", has: collects, read: metric("/weir/gc/pause-max:seconds"),
        format: format.seconds},
    {name: "In pools", tone: "live", about: "for the next user", has: pooled, read: metric("/weir/pools/held:bytes"),
        format: format.bytes},
];
