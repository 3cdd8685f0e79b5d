/* flame: see flame.h. The width of a box is what was allocated in it and in all that it called. Boxes hang
 * below their callers, the outermost at the top. A click, or Enter on a box that has the focus, makes the box
 * as wide as the picture; a click on the top one, or Escape, shows all again. A box has the colour of its
 * name, so that two pictures can be compared. If the reader prefers a dark scheme, the headings are light.
 */
#include "tools/weir/report/flame.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/print.h"
#include "tools/weir/saturate.h"

enum { WIDTH = 1200, HEIGHT = 18, TOP = 46 };
#define LETTER 7.3 /* how wide one is */

static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? '?' : *text, to);
        }
}

static size_t depth_of(const node_t *node)
{
    size_t deepest = 0;
    for (const node_t *child = node->children; child; child = child->next) {
        size_t depth = 1 + depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static unsigned colour_of(const char *name)
{
    unsigned hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* As much of the label as fits, cut as the script cuts it, so that the picture has its texts where no script
 * runs. */
static void put_text(const char *label, double x, double width, size_t y, FILE *to)
{
    size_t length = strlen(label), fits = whole((width - 6) / LETTER);
    char part[WIDTH / 7];
    snprintf(part, sizeof part, "%.*s%s",
             (int)(length <= fits ? length
                   : fits > 2     ? fits - 2
                                  : 0),
             label, length <= fits ? "" : "..");
    fprintf(to, "<text x=\"%.3f\" y=\"%zu\">", x + 3, y);
    put_escaped(to, fits < 3 ? "" : part);
    fputs("</text></g>\n", to);
}

static void put_box(const graph_t *graph, const node_t *node, const char *name, double x, double width,
                    size_t depth, FILE *to)
{
    char room[32], label[1024];
    unsigned colour = colour_of(name);
    snprintf(label, sizeof label, "%s: %s, %.2f%%", name, report_value(graph->value, node->cum, room),
             100.0 * (double)node->cum / (double)graph->total);
    fprintf(to, "<g class=\"box\" tabindex=\"0\" data-x=\"%.3f\" data-w=\"%.3f\" data-d=\"%zu\"><title>", x,
            width, depth);
    put_escaped(to, label);
    fprintf(to,
            "</title><rect x=\"%.3f\" y=\"%zu\" width=\"%.3f\" height=\"%d\" fill=\"hsl(%u,%u%%,%u%%)\"/>", x,
            TOP + depth * HEIGHT, width, HEIGHT - 1, 20 + colour % 40, 60 + colour / 64 % 30,
            58 + colour / 4096 % 14);
    put_text(label, x, width, TOP + depth * HEIGHT + 13, to);
}

static void put_node(const graph_t *graph, const node_t *node, double x, size_t depth, FILE *to)
{
    double width = WIDTH * (double)node->cum / (double)graph->total;
    if (width < 0.1)
        return;
    put_box(graph, node, depth ? graph->functions[node->function].name : "all", x, width, depth, to);
    for (const node_t *child = node->children; child; child = child->next) {
        put_node(graph, child, x, depth + 1, to);
        x += WIDTH * (double)(child->cum > 0 ? child->cum : 0) / (double)graph->total;
    }
}

static const char style[] =
    "<style>text{font:12px monospace;fill:#111;pointer-events:none}.title{font-size:15px}"
    ".box:focus rect,.box:hover rect{stroke:#000;stroke-width:1}.box{cursor:pointer;outline:none}"
    "@media(prefers-color-scheme:dark){.title,.note{fill:#eee}}</style>\n";

/* Boxes narrower than their text show the part that fits. */
static const char script[] =
    "<script><![CDATA[\n"
    "const boxes=[...document.querySelectorAll('.box')],W=1200;\n"
    "function show(b){const x0=+b.dataset.x,w0=+b.dataset.w,d0=+b.dataset.d;\n"
    " for(const g of boxes){const x=+g.dataset.x,w=+g.dataset.w,d=+g.dataset.d,r=g.children[1],t=g.children[2];\n"
    "  const above=d<d0&&x<=x0+1e-6&&x+w>=x0+w0-1e-6,inside=d>=d0&&x>=x0-1e-6&&x+w<=x0+w0+1e-6;\n"
    "  g.style.display=above||inside?'':'none';if(!above&&!inside)continue;\n"
    "  const nx=above?0:(x-x0)*W/w0,nw=above?W:w*W/w0;\n"
    "  r.setAttribute('x',nx);r.setAttribute('width',nw);r.style.opacity=above?.5:1;t.setAttribute('x',nx+3);\n"
    "  const name=g.children[0].textContent,n=Math.floor((nw-6)/7.3);\n"
    "  t.textContent=n<3?'':name.length<=n?name:name.slice(0,n-2)+'..';}}\n"
    "for(const g of boxes){g.addEventListener('click',()=>show(g));\n"
    " g.addEventListener('keydown',e=>{if(e.key==='Enter')show(g);if(e.key==='Escape')show(boxes[0]);});}\n"
    "show(boxes[0]);\n"
    "]]></script>\n";

bool flame_write(const graph_t *graph, const char *title, FILE *to)
{
    char room[32];
    node_t *root = graph_tree(graph);
    size_t height = TOP + (depth_of(root) + 2) * HEIGHT;
    fprintf(
        to,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" width=\"100%%\" role=\"img\">\n",
        WIDTH, height);
    fputs(style, to);
    fputs("<text class=\"title\" x=\"6\" y=\"18\">", to);
    put_escaped(to, title);
    fprintf(to, ": %s, %s</text>\n", profile_value_names[graph->value],
            report_value(graph->value, graph->total, room));
    fputs(
        "<text class=\"note\" x=\"6\" y=\"36\">Click a box, or press Enter on it, to widen it; Escape shows all.</text>\n",
        to);
    if (graph->total > 0)
        put_node(graph, root, 0, 0, to);
    fputs(script, to);
    fputs("</svg>\n", to);
    return !ferror(to);
}
