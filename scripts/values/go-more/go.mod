module example.com/values-more

go 1.21
