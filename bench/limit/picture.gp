# The picture of docs/limit.md. bench/limit/picture sets `picture` and `limit`, and runs this where the data are.
set terminal svg size 900,480 dynamic background rgb 'white' font 'sans-serif,15'
set output picture
set grid ytics linetype 1 linecolor rgb '#dddddd' linewidth 1
set border 3 linecolor rgb '#555555'
set tics nomirror
set rmargin 4
set tmargin 4.5
set yrange [0:700]
set ytics 100
set ylabel 'MiB'
set xlabel 'readings: two for each step of the program'
set key at screen 0.97,0.99 right top horizontal maxrows 2 samplen 2
set style fill solid 1 noborder
plot 'off.tsv' using 1:($3 + $4) with filledcurves y1=0 linecolor rgb '#cfe3d4' title 'live', \
     '' using 1:3 with filledcurves y1=0 linecolor rgb '#e3d3c4' title 'foreign', \
     'weir.tsv' using 1:2 with lines linewidth 1.5 linecolor rgb '#909090' title 'resident, scope weir', \
     '10.tsv' using 1:2 with lines linewidth 2 linecolor rgb '#2e8b57' title 'GOGC 10', \
     '100.tsv' using 1:2 with lines linewidth 2 linecolor rgb '#1f6fb4' title '100', \
     '400.tsv' using 1:2 with lines linewidth 2 linecolor rgb '#6a3d9a' title '400', \
     'off.tsv' using 1:2 with lines linewidth 2 linecolor rgb '#e08e0b' title 'off', \
     limit with lines linewidth 2 dashtype 2 linecolor rgb '#c23b22' title 'limit'
