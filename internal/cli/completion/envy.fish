# fish completion for envy. Load it with: envy completion fish | source
function __envy_complete
    set -l typed (commandline -opc)
    envy __complete -- $typed[2..-1] (commandline -ct) 2>/dev/null
end
complete -c envy -a '(__envy_complete)'
