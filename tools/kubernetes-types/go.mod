module kinescope/tools/kubernetes-types

go 1.22
