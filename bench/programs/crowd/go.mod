module crowd

go 1.15
