// Values as text. weir writes "none" as 2^63 - 1 or 2^64 - 1, which no figure reaches.
const NONE = 2 ** 62;

export const isNone = value => value >= NONE;

export function bytes(value) {
    if (isNone(value))
        return "off";
    let unit = 0;
    for (; Math.abs(value) >= 1000 && unit < 4; unit++)
        value /= 1024;
    const digits = unit === 0 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    return `${value.toFixed(digits)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

// On an axis zeros after the point are left out, to save width.
export const shortened = format => value => format(value).replace(/\.0+ /, " ");

export function count(value) {
    if (value < 10000)
        return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 1 : 0);
    let unit = 0;
    for (; value >= 1000 && unit < 4; unit++)
        value /= 1000;
    return `${value.toFixed(value >= 100 ? 0 : 1)} ${["", "k", "M", "G", "T"][unit]}`;
}

export function seconds(value) {
    if (value < 1e-3)
        return `${(value * 1e6).toFixed(0)} µs`;
    return value < 1 ? `${(value * 1e3).toFixed(value < 1e-2 ? 1 : 0)} ms` : `${value.toFixed(1)} s`;
}

export const orNone = format => value => isNone(value) ? "none" : format(value);

export const percent = value => isNone(value) ? "off" : `${value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0)} %`;

export const rate = format => value => `${format(value)}/s`;

// As the knobs are written: 96 MiB.
export function size(value) {
    if (isNone(value))
        return "off";
    for (const [unit, scale] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
        if (value >= scale && value % scale === 0)
            return `${value / scale} ${unit}`;
    return `${value} B`;
}
