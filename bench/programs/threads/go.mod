module threads

go 1.15
