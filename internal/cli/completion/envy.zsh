#compdef envy
# zsh completion for envy. Load it with: source <(envy completion zsh)
_envy() {
    local -a words_found
    words_found=("${(@f)$(envy __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    words_found=("${(@)words_found:#}")
    if (( ${#words_found} )); then
        compadd -- "${words_found[@]}"
    else
        _files
    fi
}
if [[ $funcstack[1] == _envy ]]; then
    _envy "$@"
else
    compdef _envy envy
fi
