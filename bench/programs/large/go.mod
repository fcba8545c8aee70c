module large

go 1.18
