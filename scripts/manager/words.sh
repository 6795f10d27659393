# shellcheck shell=bash
# What manager.sh says, in the language of the person: English, or Brazilian Portuguese. Sourced.
# Every word_X has a palavra_X; a test holds that. Formats are printf's.
# shellcheck disable=SC2034  # read by name, in `words`

word_environment='environment'
palavra_environment='ambiente'
word_packages='packages'
palavra_packages='pacotes'
word_bytecode='compile'
palavra_bytecode='compilação'
word_dashboard_packages='dashboard packages'
palavra_dashboard_packages='pacotes do painel'
word_dashboard='dashboard'
palavra_dashboard='painel'
word_node='Node for the build'
palavra_node='Node para a construção'
word_open_webui='Open WebUI'
palavra_open_webui='Open WebUI'
word_failed='failed'
palavra_failed='falhou'
word_full_log='The whole output: %s'
palavra_full_log='A saída inteira: %s'
word_no_python='Python 3.11, 3.12 or 3.13 was not found. Install one (Debian and Ubuntu: apt install python3 python3-venv), or name it: CLUSTER_AI_PYTHON=/path/to/python3'
palavra_no_python='Não encontrei Python 3.11, 3.12 ou 3.13. Instale um (Debian e Ubuntu: apt install python3 python3-venv) ou indique-o: CLUSTER_AI_PYTHON=/caminho/do/python3'
word_no_python_for_open_webui='Open WebUI needs Python 3.11 or 3.12. Install one, or name it: CLUSTER_AI_PYTHON=/path/to/python3.12'
palavra_no_python_for_open_webui='O Open WebUI precisa do Python 3.11 ou 3.12. Instale um ou indique-o: CLUSTER_AI_PYTHON=/caminho/do/python3.12'
word_no_venv='This Python cannot make environments: %s. Install its venv package (Debian and Ubuntu: apt install python3-venv) and start again.'
palavra_no_venv='Este Python não cria ambientes: %s. Instale o pacote venv dele (Debian e Ubuntu: apt install python3-venv) e comece de novo.'
word_no_disk='Only %s MiB are free in %s; the first start needs %s MiB.'
palavra_no_disk='Há só %s MiB livres em %s; o primeiro início precisa de %s MiB.'
word_no_network='The packages could not be fetched. Is there a network, or a proxy to name (HTTPS_PROXY)?'
palavra_no_network='Não foi possível buscar os pacotes. Há rede, ou um proxy a indicar (HTTPS_PROXY)?'
word_no_dashboard='The dashboard could not be built; everything else works. Start again to try once more.'
palavra_no_dashboard='Não foi possível construir o painel; todo o resto funciona. Inicie de novo para tentar outra vez.'
word_other_start='Another start is at work in this folder; waiting for it.'
palavra_other_start='Outro início está em andamento nesta pasta; esperando por ele.'
word_unknown_bench='There is no such benchmark. There are: %s'
palavra_unknown_bench='Esse benchmark não existe. Existem: %s'
word_usage='./manager.sh start | stop | test [STAGE ...] | bench [NAME] | menu, or any verb of the command line:'
palavra_usage='./manager.sh start | stop | test [ETAPA ...] | bench [NOME] | menu, ou qualquer verbo da linha de comando:'
word_menu_title='Cluster AI'
palavra_menu_title='Cluster AI'
word_menu_pick='Digit or arrows and Enter; ? help, q quit'
palavra_menu_pick='Dígito ou setas e Enter; ? ajuda, q sair'
word_menu_unknown='No entry is called %s.'
palavra_menu_unknown='Nenhuma entrada se chama %s.'
word_menu_sure='Stop every part of the cluster? y / N'
palavra_menu_sure='Parar todas as partes do cluster? s / N'
word_menu_back='Enter goes back to the menu.'
palavra_menu_back='Enter volta ao menu.'
word_menu_prompt='Your question (empty goes back): '
palavra_menu_prompt='Sua pergunta (vazio volta): '
word_menu_start='Start'
palavra_menu_start='Iniciar'
word_menu_stop='Stop'
palavra_menu_stop='Parar'
word_menu_status='Status'
palavra_menu_status='Estado'
word_menu_nodes='Nodes'
palavra_menu_nodes='Nós'
word_menu_models='Models'
palavra_menu_models='Modelos'
word_menu_chat='Chat'
palavra_menu_chat='Conversa'
word_menu_monitor='Monitor (terminal interface)'
palavra_menu_monitor='Monitor (interface de terminal)'
word_menu_work='Workers and tasks'
palavra_menu_work='Workers e tarefas'
word_menu_logs='Logs'
palavra_menu_logs='Registros'
word_menu_diag='Diagnosis'
palavra_menu_diag='Diagnóstico'
word_menu_settings='Settings'
palavra_menu_settings='Configuração'
word_menu_help='Every entry prints the command that it runs; the same works without the menu: ./manager.sh VERB. All verbs: ./manager.sh --help'
palavra_menu_help='Cada entrada mostra o comando que executa; o mesmo funciona sem o menu: ./manager.sh VERBO. Todos os verbos: ./manager.sh --help'
word_state_up='%s of %s parts ready'
palavra_state_up='%s de %s partes prontas'
word_state_down='not running'
palavra_state_down='parado'
word_state_new='not installed yet: Start does it'
palavra_state_new='ainda não instalado: Iniciar instala'

# words KEY [ARGS]: the sentence, filled in. No line end.
words() {
  local tongue=word name
  case ${CLUSTER_AI_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} in
    pt*) tongue=palavra ;;
  esac
  name=${tongue}_$1
  shift
  # shellcheck disable=SC2059  # the format is ours, from this file
  printf "${!name}" "$@"
}

say() {
  words "$@" >&2
  printf '\n' >&2
}
