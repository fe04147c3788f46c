"""Turn a chapter into a notebook that Colab, JupyterLab and VS Code show as the page does."""
