"""What the client tests and the benchmarks share: servers, clients, images, and the processes they run in."""
