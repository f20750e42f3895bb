module hello

go 1.27

require warren.example/warren v0.1.0

replace warren.example/warren => ../../../guest-sdk/go
