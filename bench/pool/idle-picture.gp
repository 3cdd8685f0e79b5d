# bench/pool/idle-picture > idle.tsv; gnuplot -e "data='idle.tsv'; picture='idle.svg'" bench/pool/idle-picture.gp
set terminal svg size 900,420 dynamic background rgb 'white'
set output picture
set title 'A pool of 500 MiB: left idle while the heap breathes, filled again, then limited to 128 MiB'
set xlabel 'step'
set ylabel 'MiB'
set y2label 'cycles'
set y2tics
set ytics nomirror
set key top right
set yrange [0:*]
plot data using 1:2 with steps linewidth 2 title 'held by the pool', \
     data using 1:3 with steps title 'held from the kernel', \
     data using 1:4 axes x1y2 with steps dashtype 2 title 'cycles'
