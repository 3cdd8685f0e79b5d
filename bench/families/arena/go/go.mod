module weir/bench/arena

go 1.19
