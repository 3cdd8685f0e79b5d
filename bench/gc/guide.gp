# The pictures of docs/gc-guide.md. bench/gc/guide sets `what`, `picture` and `kind`, and runs this where the data are.
height = what eq 'heap' ? 700 : what eq 'limit' ? 760 : 460
if (kind eq 'svg') { set terminal svg size 900,height dynamic background rgb 'white' font 'sans-serif,15' }
if (kind eq 'png') { set terminal pngcairo size 900,height background rgb 'white' font 'sans-serif,11' }
set output picture
set grid ytics linetype 1 linecolor rgb '#dddddd' linewidth 1
set border 3 linecolor rgb '#555555'
set tics nomirror
set lmargin 9
set rmargin 4
set style line 1 linewidth 2 linecolor rgb '#1f6fb4'             # heap
set style line 2 linewidth 2 dashtype 2 linecolor rgb '#c23b22'  # goal
set style line 3 linewidth 2 linecolor rgb '#2e8b57'             # live
set style line 4 linewidth 1.5 linecolor rgb '#909090'           # held
set style line 5 linewidth 2 dashtype 4 linecolor rgb '#6a3d9a'  # limit

if (what eq 'heap') {
    set yrange [0:70]
    set ytics 20
    set ylabel 'MiB'
    set multiplot layout 3,1
    set tmargin 3.5
    set bmargin 2
    set key at screen 0.97,0.99 right top horizontal maxrows 1 samplen 2
    do for [i=1:3] {
        gogc = word('50 100 200', i)
        stats gogc.'.tsv' using 6 nooutput
        set label 1 sprintf('WEIR\_GOGC=%s: %d collections', gogc, STATS_max) at graph 0,1.1 left
        if (i == 3) {
            set xlabel 'MiB allocated so far'
            set bmargin 3.5
        }
        plot gogc.'.tsv' using 1:4 with steps linestyle 2 title 'goal', \
             '' using 1:3 with lines linestyle 1 title 'heap', \
             '' using 1:2 with steps linestyle 3 title 'live'
        unset key
    }
    unset multiplot
}

if (what eq 'limit') {
    set yrange [0:140]
    set ytics 20
    set ylabel 'MiB'
    set multiplot layout 3,1
    set tmargin 3.5
    set bmargin 2
    set key at screen 0.97,0.99 right top horizontal maxrows 1 samplen 2
    do for [i=1:3] {
        name = word('spike spike-limit spike-off', i)
        name_of = i == 1 ? 'WEIR\_GOGC=100' : i == 2 ? 'WEIR\_GOGC=100 WEIR\_MEMLIMIT=80MiB' : 'WEIR\_GOGC=off WEIR\_MEMLIMIT=80MiB'
        stats name.'.tsv' using 6 nooutput
        set label 1 sprintf('%s: %d collections', name_of, STATS_max) at graph 0,1.1 left
        if (i == 3) {
            set xlabel 'MiB allocated so far'
            set bmargin 3.5
        }
        plot name.'.tsv' using 1:5 with lines linestyle 4 title 'held', \
             '' using 1:4 with steps linestyle 2 title 'goal', \
             '' using 1:3 with lines linestyle 1 title 'heap', \
             '' using 1:2 with steps linestyle 3 title 'live', \
             (i > 1 ? 80 : -1) with lines linestyle 5 title 'limit'
        if (i == 1) { unset key }
    }
    unset multiplot
}

if (what eq 'cpu') {
    set xlabel 'peak resident memory, MiB'
    set ylabel 'CPU seconds of the whole program'
    set logscale x 2
    set yrange [0:*]
    set xrange [45:520]
    set tmargin 1.5
    set key top right
    plot 'sweep.tsv' using 2:3:4:5 with yerrorlines linestyle 1 pointtype 7 pointsize 0.7 title 'median of 5 runs, least and most', \
         '' using 2:3:(sprintf('GOGC=%d', $1)) with labels left offset 0.7,0.8 notitle, \
         'off.tsv' using (45):2:(520-45):(0) with vectors nohead linestyle 2 title 'no collection at all'
}

if (what eq 'stops') {
    set logscale y
    set yrange [0.01:1000]
    set ylabel 'a stop, ms'
    set xlabel 'seconds'
    set key right top
    plot 'one.tsv' using 1:2 with points pointtype 7 pointsize 0.8 linecolor rgb '#c23b22' title 'marking in one stop', \
         'beside.tsv' using 1:2 with points pointtype 7 pointsize 0.8 linecolor rgb '#1f6fb4' title 'marking beside the program'
}
