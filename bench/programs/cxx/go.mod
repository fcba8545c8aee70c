module cxx

go 1.15
