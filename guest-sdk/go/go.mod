module warren.example/warren

go 1.27
