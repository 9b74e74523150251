module a.tutti/stdlog

go 1.26.0
